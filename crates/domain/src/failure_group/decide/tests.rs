use super::super::Mute;
use super::*;

fn at(text: &str) -> DateTime<Utc> {
    format!("2026-11-{text}Z").parse().unwrap()
}

fn facts(first: &str, last: &str) -> GroupFacts {
    GroupFacts {
        first_at: at(first),
        last_at: at(last),
        came_back_at: None,
        hours: Vec::new(),
        successes: None,
    }
}

fn hour(failures: i64, before: i64, hours_before: i64) -> HourOfFailures {
    HourOfFailures {
        failures,
        before,
        hours_before,
    }
}

fn fold(events: &[TimedGroupEvent]) -> GroupLife {
    let life = events
        .iter()
        .fold(None, |life, timed| Some(evolve(life, timed)));
    life.unwrap()
}

fn in_state(state: GroupState, since: &str) -> GroupLife {
    GroupLife {
        state,
        ..GroupLife::begun(at(since))
    }
}

fn kinds(events: &[TimedGroupEvent]) -> Vec<&'static str> {
    events.iter().map(|timed| timed.event.kind()).collect()
}

#[test]
fn a_group_is_new_at_its_first_failure_and_ongoing_when_it_still_fails_a_day_later() {
    let events = after_failures(None, &facts("20T08:00:00", "20T09:00:00"));
    assert_eq!(kinds(&events), ["began"]);
    assert_eq!(fold(&events), GroupLife::begun(at("20T08:00:00")));
    let life = fold(&events);
    let almost = facts("20T08:00:00", "21T07:59:59");
    assert_eq!(after_failures(Some(&life), &almost), []);
    let events = after_failures(Some(&life), &facts("20T08:00:00", "21T08:00:00"));
    assert_eq!(kinds(&events), ["continued"]);
    let life = evolve(Some(life), &events[0]);
    assert_eq!(
        (life.state, life.since, life.seq),
        (GroupState::Ongoing, at("21T08:00:00"), 2)
    );
    assert_eq!(
        life.episode_at,
        at("20T08:00:00"),
        "the run of failures goes on"
    );
    let all_at_once = after_failures(None, &facts("20T08:00:00", "21T08:00:00"));
    assert_eq!(kinds(&all_at_once), ["began", "continued"]);
    assert_eq!(fold(&all_at_once), life);
}

#[test]
fn an_hour_escalates_with_fifty_failures_and_more_than_thrice_the_mean() {
    for (hour, expected) in [
        (hour(49, 0, 24), false),
        (hour(50, 0, 24), true),
        (hour(60, 24 * 20, 24), false),
        (hour(61, 24 * 20, 24), true),
        (hour(1_000, 0, 0), false),
        (hour(60, 10, 1), true),
        (hour(i64::MAX, 1, 24), true),
    ] {
        assert_eq!(hour.escalates(), expected, "{hour:?}");
        let life = in_state(GroupState::Ongoing, "20T08:00:00");
        let facts = GroupFacts {
            hours: vec![hour],
            ..facts("20T08:00:00", "22T08:30:00")
        };
        let events = after_failures(Some(&life), &facts);
        assert_eq!(events.len(), usize::from(expected), "{hour:?}");
        let escalating = in_state(GroupState::Escalating, "22T08:00:00");
        assert_eq!(after_failures(Some(&escalating), &facts), []);
    }
}

#[test]
fn an_escalation_is_over_when_neither_the_present_hour_nor_the_one_before_escalates() {
    let life = in_state(GroupState::Escalating, "22T08:30:00");
    let facts = |hours: [HourOfFailures; 2]| GroupFacts {
        hours: hours.into(),
        ..facts("20T08:00:00", "22T08:59:00")
    };
    let high = hour(100, 0, 24);
    let low = hour(10, 100, 24);
    let now = at("22T10:00:00");
    assert_eq!(after_time(&life, &facts([low, high]), now), None);
    assert_eq!(after_time(&life, &facts([high, low]), now), None);
    let early = at("22T09:29:59");
    assert_eq!(after_time(&life, &facts([low, low]), early), None);
    let calmed = after_time(&life, &facts([low, low]), now).unwrap();
    assert_eq!(calmed.event, GroupEvent::Calmed {});
    assert_eq!(evolve(Some(life), &calmed).state, GroupState::Ongoing);
}

#[test]
fn seven_days_of_silence_resolve_from_the_last_failure_on() {
    for state in [
        GroupState::New,
        GroupState::Ongoing,
        GroupState::Escalating,
        GroupState::Regressed,
    ] {
        let life = in_state(state, "10T08:00:00");
        let facts = facts("10T08:00:00", "12T08:00:00");
        assert_eq!(
            after_time(&life, &facts, at("19T07:59:59"))
                .map(|timed| timed.event)
                .filter(|event| *event != GroupEvent::Calmed {}),
            None
        );
        let resolved = after_time(&life, &facts, at("25T00:00:00")).unwrap();
        assert_eq!(resolved.at, at("19T08:00:00"), "not when it was noticed");
        let life = evolve(Some(life), &resolved);
        assert_eq!(life.state, GroupState::Resolved);
        assert_eq!(after_time(&life, &facts, at("27T00:00:00")), None);
    }
    let reopened = in_state(GroupState::Ongoing, "22T08:00:00");
    let old = facts("10T08:00:00", "12T08:00:00");
    assert_eq!(
        after_time(&reopened, &old, at("25T00:00:00")),
        None,
        "silence counts from the reopening"
    );
}

#[test]
fn a_resolved_group_regresses_with_a_failure_after_it_and_not_with_a_late_one_before() {
    let life = in_state(GroupState::Resolved, "20T08:00:00");
    let late = facts("10T08:00:00", "20T07:59:59");
    assert_eq!(after_failures(Some(&life), &late), []);
    let again = GroupFacts {
        came_back_at: Some(at("20T08:00:01")),
        hours: vec![hour(100, 0, 24)],
        ..facts("10T08:00:00", "20T08:30:00")
    };
    let events = after_failures(Some(&life), &again);
    assert_eq!(kinds(&events), ["regressed"]);
    let life = evolve(Some(life), &events[0]);
    assert_eq!(
        (life.state, life.episode_at),
        (GroupState::Regressed, at("20T08:00:01"))
    );
    let day_later = facts("10T08:00:00", "21T08:00:01");
    assert_eq!(
        kinds(&after_failures(Some(&life), &day_later)),
        ["continued"]
    );
}

#[test]
fn people_may_resolve_reopen_mute_and_unmute_where_that_says_something() {
    let now = at("22T08:00:00");
    let open = in_state(GroupState::New, "20T08:00:00");
    let over = in_state(GroupState::Resolved, "20T08:00:00");
    let muted = GroupLife {
        muted: Some(Mute::Until(at("23T00:00:00"))),
        ..open.clone()
    };
    let ended = GroupLife {
        muted: Some(Mute::Until(now)),
        ..open.clone()
    };
    let by_hand = GroupEvent::Resolved {
        by: ResolvedBy::Hand,
    };
    let until = Some(at("23T00:00:00"));
    for (life, asked, expected) in [
        (&open, GroupCommand::Resolve, Ok(Some(by_hand))),
        (
            &over,
            GroupCommand::Resolve,
            Err(GroupRefusal::AlreadyResolved),
        ),
        (
            &over,
            GroupCommand::Reopen,
            Ok(Some(GroupEvent::Reopened {})),
        ),
        (&open, GroupCommand::Reopen, Err(GroupRefusal::NotResolved)),
        (
            &open,
            GroupCommand::Mute(until),
            Ok(Some(GroupEvent::Muted { until })),
        ),
        (
            &muted,
            GroupCommand::Mute(None),
            Ok(Some(GroupEvent::Muted { until: None })),
        ),
        (
            &open,
            GroupCommand::Mute(Some(now)),
            Err(GroupRefusal::MuteEnded),
        ),
        (
            &muted,
            GroupCommand::Unmute,
            Ok(Some(GroupEvent::Unmuted {})),
        ),
        (&open, GroupCommand::Unmute, Err(GroupRefusal::NotMuted)),
        (&ended, GroupCommand::Unmute, Err(GroupRefusal::NotMuted)),
    ] {
        assert_eq!(command(life, asked, now), expected, "{asked:?}");
    }
    let reopened = TimedGroupEvent {
        at: now,
        event: GroupEvent::Reopened {},
    };
    let life = evolve(Some(over), &reopened);
    assert_eq!((life.state, life.since), (GroupState::Ongoing, now));
}

#[test]
fn a_verification_resolves_when_everything_is_served_and_is_remembered_when_not() {
    let now = at("22T08:00:00");
    let open = in_state(GroupState::Regressed, "20T08:00:00");
    let over = in_state(GroupState::Resolved, "20T08:00:00");
    let verified = |served, asked| GroupCommand::Verified { served, asked };
    let failed = |served, asked| Ok(Some(GroupEvent::VerificationFailed { served, asked }));
    let resolved = GroupEvent::Resolved {
        by: ResolvedBy::Verified,
    };
    assert_eq!(command(&open, verified(20, 20), now), Ok(Some(resolved)));
    assert_eq!(command(&over, verified(20, 20), now), Ok(None));
    assert_eq!(command(&open, verified(19, 20), now), failed(19, 20));
    assert_eq!(command(&open, verified(0, 0), now), failed(0, 0));
    let timed = TimedGroupEvent {
        at: now,
        event: GroupEvent::VerificationFailed {
            served: 1,
            asked: 2,
        },
    };
    let life = evolve(Some(open.clone()), &timed);
    assert_eq!(
        (life.state, life.since, life.seq),
        (open.state, open.since, 2)
    );
}

#[test]
fn stored_names_and_numbers_stay() {
    for state in GroupState::ALL {
        assert_eq!(GroupState::from_name(state.as_str()), Some(state));
        assert_eq!(GroupState::from_number(state.number()), Some(state));
    }
    let event = GroupEvent::Escalated {
        hour: 60,
        hourly_mean: 2,
    };
    let stored = serde_json::to_value(&event).unwrap();
    let expected = serde_json::json!({"kind": "escalated", "data": {"hour": 60, "hourlyMean": 2}});
    assert_eq!(stored, expected);
    assert_eq!(event.kind(), "escalated");
    assert_eq!(serde_json::from_value::<GroupEvent>(stored).unwrap(), event);
}

#[test]
fn successes_resolve_from_the_moment_they_prove_it_and_a_failure_after_that_regresses() {
    let life = in_state(GroupState::Ongoing, "20T08:00:00");
    let facts = |known_to: &str| GroupFacts {
        successes: Some(SuccessFacts {
            failures: 61,
            longest_pause: TimeDelta::minutes(2),
            successes_before: 0,
            successes_since: 100,
            known_to: at(known_to),
        }),
        ..facts("20T08:00:00", "20T09:00:00")
    };
    let now = at("20T09:30:00");
    assert_eq!(after_time(&life, &facts("20T09:09:00"), now), None);
    let resolved = after_time(&life, &facts("20T09:29:00"), now).unwrap();
    let by = ResolvedBy::Success;
    assert_eq!(resolved.event, GroupEvent::Resolved { by });
    assert_eq!(
        resolved.at,
        at("20T09:29:00"),
        "failures after that may be on their way"
    );
    let life = evolve(Some(life), &resolved);
    assert_eq!(after_time(&life, &facts("20T09:40:00"), now), None);
    let again = GroupFacts {
        came_back_at: Some(at("20T09:29:01")),
        ..facts("20T09:40:00")
    };
    let events = after_failures(Some(&life), &again);
    assert_eq!(kinds(&events), ["regressed"]);
    let stored = serde_json::to_value(GroupEvent::Resolved { by }).unwrap();
    assert_eq!(stored["data"], serde_json::json!({"by": "success"}));
}
