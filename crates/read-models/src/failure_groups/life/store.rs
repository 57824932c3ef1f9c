//! Rows of `failure_group_event` and `failure_group_life`.

use chrono::{DateTime, Utc};
use limpid_domain::event::Actor;
use limpid_domain::failure_group::{GroupEvent, GroupLife, GroupState, Mute};
use limpid_event_store::StoreError;
use serde_json::{Value, json};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};

use super::{GroupKey, NewGroupEvent, StoredGroupEvent};

/// The columns that [`LifeRow`] reads, of `failure_group_life l`, which may be the empty side of an outer join.
pub(super) const LIFE_COLUMNS: &str = "l.state as life_state, l.since as life_since, l.episode_at as life_episode_at, \
    l.is_muted as life_is_muted, l.muted_until as life_muted_until, l.last_seq as life_last_seq";

#[derive(Debug, FromRow)]
#[expect(
    clippy::struct_field_names,
    reason = "they are columns beside a group's own"
)]
pub(crate) struct LifeRow {
    life_state: Option<i16>,
    life_since: Option<DateTime<Utc>>,
    life_episode_at: Option<DateTime<Utc>>,
    life_is_muted: Option<bool>,
    life_muted_until: Option<DateTime<Utc>>,
    life_last_seq: Option<i64>,
}

impl LifeRow {
    /// The columns that it reads.
    pub(crate) const COLUMNS: &str = LIFE_COLUMNS;

    /// The life; `None` where there is none yet, or only a newer version can name its state.
    pub(crate) fn into_life(self) -> Option<GroupLife> {
        let muted = self
            .life_is_muted?
            .then(|| self.life_muted_until.map_or(Mute::ForEver, Mute::Until));
        Some(GroupLife {
            state: GroupState::from_number(self.life_state?)?,
            since: self.life_since?,
            episode_at: self.life_episode_at?,
            muted,
            seq: self.life_last_seq?,
        })
    }
}

#[derive(Debug, FromRow)]
pub(super) struct StoredRow {
    seq: i64,
    at: DateTime<Utc>,
    kind: String,
    data: Value,
    actor: Json<Actor>,
    note: Option<String>,
}

impl StoredRow {
    /// The event, or `None` for one that only a newer version can name.
    pub(super) fn into_event(self) -> Option<StoredGroupEvent> {
        let event = json!({"kind": self.kind, "data": self.data});
        let event: GroupEvent = serde_json::from_value(event).ok()?;
        Some(StoredGroupEvent {
            seq: self.seq,
            at: self.at,
            event,
            actor: self.actor.0,
            note: self.note,
        })
    }
}

/// What is to be appended, one element per event, and what becomes of the lives.
#[derive(Debug, Default)]
pub(super) struct Appended {
    tenant_id: Vec<i64>,
    group_id: Vec<i64>,
    seq: Vec<i64>,
    at: Vec<DateTime<Utc>>,
    kind: Vec<&'static str>,
    data: Vec<Value>,
    actor: Vec<Value>,
    note: Vec<Option<String>>,
    lives: Lives,
}

#[derive(Debug, Default)]
struct Lives {
    tenant_id: Vec<i64>,
    group_id: Vec<i64>,
    state: Vec<i16>,
    since: Vec<DateTime<Utc>>,
    episode_at: Vec<DateTime<Utc>>,
    is_muted: Vec<bool>,
    muted_until: Vec<Option<DateTime<Utc>>>,
    last_seq: Vec<i64>,
}

impl Appended {
    /// One event, with its number.
    pub(super) fn push(
        &mut self,
        (tenant_id, group_id): GroupKey,
        (seq, event): (i64, NewGroupEvent),
    ) -> Result<(), StoreError> {
        let kind = event.timed.event.kind();
        let mut stored = serde_json::to_value(&event.timed.event).map_err(no_json)?;
        let data = stored.get_mut("data").map_or(Value::Null, Value::take);
        self.tenant_id.push(tenant_id);
        self.group_id.push(group_id);
        self.seq.push(seq);
        self.at.push(event.timed.at);
        self.kind.push(kind);
        self.data.push(data);
        self.actor
            .push(serde_json::to_value(&event.actor).map_err(no_json)?);
        self.note.push(event.note);
        Ok(())
    }

    /// How many events.
    pub(super) fn len(&self) -> u64 {
        self.seq.len() as u64
    }

    /// The life after a group's last event.
    pub(super) fn becomes(&mut self, (tenant_id, group_id): GroupKey, life: &GroupLife) {
        let lives = &mut self.lives;
        lives.tenant_id.push(tenant_id);
        lives.group_id.push(group_id);
        lives.state.push(life.state.number());
        lives.since.push(life.since);
        lives.episode_at.push(life.episode_at);
        lives.is_muted.push(life.muted.is_some());
        lives.muted_until.push(match life.muted {
            Some(Mute::Until(until)) => Some(until),
            Some(Mute::ForEver) | None => None,
        });
        lives.last_seq.push(life.seq);
    }

    /// Stores all of it. A number that is taken is an error: somebody acted on the group without its lock.
    pub(super) async fn store(self, connection: &mut PgConnection) -> Result<(), StoreError> {
        sqlx::query(
            "insert into failure_group_event (tenant_id, group_id, seq, at, kind, data, actor, note)
             select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::text[], $6::jsonb[], $7::jsonb[],
               $8::text[])",
        )
        .bind(self.tenant_id)
        .bind(self.group_id)
        .bind(self.seq)
        .bind(self.at)
        .bind(self.kind)
        .bind(self.data)
        .bind(self.actor)
        .bind(self.note)
        .execute(&mut *connection)
        .await?;
        self.lives.store(connection).await
    }
}

fn no_json(_error: serde_json::Error) -> StoreError {
    StoreError::Corrupt("an event of a group has no JSON form")
}

impl Lives {
    async fn store(self, connection: &mut PgConnection) -> Result<(), StoreError> {
        sqlx::query(
            "insert into failure_group_life (tenant_id, group_id, state, since, episode_at, is_muted, muted_until, last_seq)
             select * from unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::timestamptz[], $5::timestamptz[], $6::boolean[],
               $7::timestamptz[], $8::bigint[])
             on conflict (tenant_id, group_id) do update set state = excluded.state, since = excluded.since,
               episode_at = excluded.episode_at, is_muted = excluded.is_muted, muted_until = excluded.muted_until,
               last_seq = excluded.last_seq",
        )
        .bind(self.tenant_id)
        .bind(self.group_id)
        .bind(self.state)
        .bind(self.since)
        .bind(self.episode_at)
        .bind(self.is_muted)
        .bind(self.muted_until)
        .bind(self.last_seq)
        .execute(connection)
        .await?;
        Ok(())
    }
}
