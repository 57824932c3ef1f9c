//! What the counts say about groups.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use limpid_domain::failure_group::{
    GroupFacts, GroupLife, GroupState, HourOfFailures, LEAST_ESCALATION,
};
use limpid_event_store::StoreError;
use sqlx::{FromRow, PgConnection};

use super::advance::Occasion;
use super::successes::successes_of;
use super::{GroupKey, LifeRow};

/// Hours that an hour is compared with, at most.
const HOURS_BEFORE: TimeDelta = TimeDelta::hours(24);

/// A group, its life so far and what the counts say.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) key: GroupKey,
    /// `None` before its first event.
    pub(super) life: Option<GroupLife>,
    pub(super) facts: GroupFacts,
}

#[derive(Debug, FromRow)]
struct FactsRow {
    tenant_id: i64,
    group_id: i64,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    came_back_at: Option<DateTime<Utc>>,
    in_hour: i64,
    #[sqlx(flatten)]
    life: LifeRow,
}

/// Lives and facts of these groups, in their order.
pub(super) async fn standings(
    connection: &mut PgConnection,
    keys: &[GroupKey],
    occasion: Occasion,
) -> Result<Vec<Standing>, StoreError> {
    let mut standings = Vec::with_capacity(keys.len());
    let mut wanted = Wanted::default();
    for row in rows(connection, keys).await? {
        let standing = Standing {
            key: (row.tenant_id, row.group_id),
            life: row.life.into_life(),
            facts: GroupFacts {
                first_at: row.first_at,
                last_at: row.last_at,
                came_back_at: row.came_back_at,
                hours: Vec::new(),
                successes: None,
            },
        };
        for hour in hours_to_look_at(&standing, row.in_hour, occasion) {
            wanted.push(standings.len(), &standing, hour);
        }
        standings.push(standing);
    }
    for (index, hour) in wanted.read(connection).await? {
        if let Some(standing) = standings.get_mut(index) {
            standing.facts.hours.push(hour);
        }
    }
    if let Occasion::Time(moment) = occasion {
        let mut successes = successes_of(connection, keys, moment.known_to).await?;
        for standing in &mut standings {
            standing.facts.successes = successes.remove(&standing.key);
        }
    }
    Ok(standings)
}

async fn rows(
    connection: &mut PgConnection,
    keys: &[GroupKey],
) -> Result<Vec<FactsRow>, StoreError> {
    let (tenants, groups): (Vec<i64>, Vec<i64>) = keys.iter().copied().unzip();
    // Which failure of an hour was the first after it was resolved is not known where the hour has some before it: its last one then.
    let query = format!(
        "select g.tenant_id, g.group_id, g.first_at, g.last_at, r.came_back_at, coalesce(h.failures, 0) as in_hour, {}
         from unnest($1::bigint[], $2::bigint[]) k(tenant_id, group_id)
         join failure_group g on g.tenant_id = k.tenant_id and g.group_id = k.group_id
         left join failure_group_life l on l.tenant_id = k.tenant_id and l.group_id = k.group_id
         left join lateral (
           select sum(c.occurrences)::bigint as failures from failure_group_1h c
           where c.tenant_id = k.tenant_id and c.group_id = k.group_id and c.hour = date_trunc('hour', g.last_at, 'UTC')
         ) h on true
         left join lateral (
           select min(case when c.first_at > l.since then c.first_at else c.last_at end) as came_back_at from failure_group_1h c
           where c.tenant_id = k.tenant_id and c.group_id = k.group_id and c.last_at > l.since
             and c.hour >= date_trunc('hour', greatest(l.since, g.last_at - interval '1 day'), 'UTC')
         ) r on l.state = $3 and g.last_at > l.since
         order by 1, 2",
        LifeRow::COLUMNS
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(tenants)
        .bind(groups)
        .bind(GroupState::Resolved.number())
        .fetch_all(connection)
        .await?)
}

/// Hours whose comparison with the day before decides something.
fn hours_to_look_at(
    standing: &Standing,
    in_last_hour: i64,
    occasion: Occasion,
) -> Vec<DateTime<Utc>> {
    let state = standing.life.as_ref().map(|life| life.state);
    match occasion {
        Occasion::Counted => {
            let may = !matches!(state, Some(GroupState::Escalating | GroupState::Resolved))
                && in_last_hour >= LEAST_ESCALATION;
            may.then(|| hour_of(standing.facts.last_at))
                .into_iter()
                .collect()
        }
        Occasion::Time(moment) if state == Some(GroupState::Escalating) => {
            let hour = hour_of(moment.now);
            vec![hour, hour - TimeDelta::hours(1)]
        }
        Occasion::Time(_) => Vec::new(),
    }
}

fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)
}

/// Hours to read, one element each.
#[derive(Debug, Default)]
struct Wanted {
    index: Vec<usize>,
    tenant_id: Vec<i64>,
    group_id: Vec<i64>,
    hour: Vec<DateTime<Utc>>,
    from: Vec<DateTime<Utc>>,
}

impl Wanted {
    fn push(&mut self, index: usize, standing: &Standing, hour: DateTime<Utc>) {
        let began = standing
            .life
            .as_ref()
            .map_or(standing.facts.first_at, |life| life.episode_at);
        self.index.push(index);
        self.tenant_id.push(standing.key.0);
        self.group_id.push(standing.key.1);
        self.hour.push(hour);
        let from = hour_of(began).max(hour - HOURS_BEFORE);
        self.from.push(from.min(hour));
    }

    async fn read(
        self,
        connection: &mut PgConnection,
    ) -> Result<Vec<(usize, HourOfFailures)>, StoreError> {
        if self.index.is_empty() {
            return Ok(Vec::new());
        }
        let counts: Vec<(i64, i64)> = sqlx::query_as(
            "select coalesce(sum(c.occurrences) filter (where h.hour = w.hour), 0)::bigint,
               coalesce(sum(c.occurrences) filter (where h.hour < w.hour), 0)::bigint
             from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[])
               with ordinality w(tenant_id, group_id, hour, since, place)
             cross join lateral generate_series(w.since, w.hour, interval '1 hour') h(hour)
             left join failure_group_1h c on c.tenant_id = w.tenant_id and c.hour = h.hour and c.group_id = w.group_id
             group by w.place order by w.place",
        )
        .bind(&self.tenant_id)
        .bind(&self.group_id)
        .bind(&self.hour)
        .bind(&self.from)
        .fetch_all(connection)
        .await?;
        let spans = self.hour.iter().zip(&self.from);
        let found = self.index.iter().zip(spans).zip(counts);
        Ok(found
            .map(|((index, (hour, from)), (failures, before))| {
                let hour = HourOfFailures {
                    failures,
                    before,
                    hours_before: (*hour - *from).num_hours(),
                };
                (*index, hour)
            })
            .collect())
    }
}
