//! What waits at a node, in memory and on disk. Without any waiting for a database; the disk is waited for, so it belongs on a thread where
//! that harms nobody.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use limpid_domain::clock::Clock;
use limpid_domain::ids::{NodeId, RunId};

use super::journal::{Journal, Left, Numbered};
use super::refusal::Refused;
use super::{BatchHead, BatchRows, Gathered};
use crate::spool::dead_letter::DeadLetter;

#[derive(Debug)]
pub(super) struct Gathering<G: Gathered> {
    gathered: G,
    clock: Clock,
    /// What the next batch says.
    next: BatchHead,
    /// Batches that are not confirmed, oldest first.
    numbered: VecDeque<Numbered<G::Rows>>,
    journal: Option<Journal<G::Rows>>,
    /// Whether a run that begins after a crash would send the numbered batches under their numbers. Before that nothing may be sent: the same
    /// counts could be stored under another number, too.
    is_secured: bool,
    /// Whether the disk could not be written the last time: it is told of once.
    is_disk_failing: bool,
    dead_letter: Option<DeadLetter>,
}

impl<G: Gathered> Gathering<G> {
    pub(super) fn new(gathered: G, clock: Clock, node: NodeId) -> Self {
        let now = clock.now();
        Self {
            gathered,
            clock,
            next: BatchHead {
                node,
                run: RunId::mint(),
                began_at: now,
                seq: 1,
                counted_to: now,
                stopped: false,
            },
            numbered: VecDeque::new(),
            journal: None,
            is_secured: true,
            is_disk_failing: false,
            dead_letter: None,
        }
    }

    pub(super) fn set_dead_letter(&mut self, dead_letter: DeadLetter) {
        self.dead_letter = Some(dead_letter);
    }

    /// Begins with what an earlier run left, under that run's numbers.
    pub(super) fn set_journal(&mut self, journal: Journal<G::Rows>, left: Left<G::Rows>) {
        let own = self.next;
        let numbered = left.numbered.into_iter();
        self.numbered
            .extend(numbered.map(|(head, rows)| (head, Arc::new(rows))));
        if let Some((head, rows)) = left.open {
            let counted_to = head.counted_to;
            self.next = head;
            let parts = self.gathered.left(rows);
            self.number(parts, counted_to, false);
        }
        self.next = own;
        if !self.numbered.is_empty() {
            // Right behind it, so that the ledger knows at once that the earlier run has ended, and with what it may have lost.
            self.number(Vec::new(), own.counted_to, false);
        }
        self.journal = Some(journal);
        self.is_secured = self.numbered.is_empty();
    }

    pub(super) fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// Whether the next run would find what waits.
    pub(super) fn is_on_disk(&self) -> bool {
        self.has_journal() && self.is_secured
    }

    /// Puts on disk what was gathered up to now. An error comes once, however often it comes again.
    pub(super) fn keep(&mut self) -> io::Result<()> {
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        let head = BatchHead {
            counted_to: self.clock.now(),
            ..self.next
        };
        let open = self.gathered.unsent();
        let written = journal.write(&self.numbered, Some((head, &open)));
        self.is_secured |= written.is_ok();
        let was_failing = std::mem::replace(&mut self.is_disk_failing, written.is_err());
        match written {
            Err(error) if !was_failing => Err(error),
            Err(_) => Ok(()),
            Ok(()) => {
                if was_failing {
                    tracing::info!("{} is kept on disk again", G::NAME);
                }
                Ok(())
            }
        }
    }

    /// Makes batches of what was gathered up to now, unless some wait already; at the end of the run in any case.
    pub(super) fn cut(&mut self, stopped: bool) -> io::Result<()> {
        if self.numbered.is_empty() || stopped {
            let now = self.clock.now();
            let parts = self.gathered.take(now);
            self.number(parts, now, stopped);
            self.is_secured = self.journal.is_none();
        }
        self.secure(stopped)
    }

    /// Puts numbered batches on disk or, where that cannot be done, sees to it that nothing older is there.
    fn secure(&mut self, stopped: bool) -> io::Result<()> {
        if self.is_secured {
            return Ok(());
        }
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        // Nothing is gathered since: what comes now comes with the next record.
        let empty = G::Rows::default();
        let open = (!stopped).then_some((self.next, &empty));
        if let Err(error) = journal.write(&self.numbered, open) {
            journal.forget()?;
            tracing::error!(%error, "cannot keep {} on disk; a crash would lose it", G::NAME);
        }
        self.is_secured = true;
        Ok(())
    }

    /// The batch to send, if there is one that may be sent.
    pub(super) fn front(&self) -> Option<Numbered<G::Rows>> {
        let (head, rows) = self.numbered.front().filter(|_| self.is_secured)?;
        Some((*head, Arc::clone(rows)))
    }

    pub(super) fn waiting(&self) -> usize {
        self.numbered.len()
    }

    /// Is done with the oldest batch: it is stored, but for what is refused.
    pub(super) fn settle(&mut self, refused: Option<Refused<G::Rows>>) {
        let Some((head, _)) = self.numbered.pop_front() else {
            return;
        };
        let Some(Refused { rows, reason }) = refused else {
            return;
        };
        // A batch without rows can be refused, too.
        let count = (rows.count() as u64).max(1);
        tracing::error!(
            reason,
            rows = count,
            batch = head.seq,
            "PostgreSQL refuses values among {}; the rows they are in are set aside",
            G::NAME
        );
        if let Some(dead_letter) = &self.dead_letter {
            dead_letter.write_refused_rows(G::NAME, &head, (&rows, &reason));
        }
        self.gathered.refused(count);
    }

    /// After everything was confirmed.
    pub(super) fn forget(&mut self) -> io::Result<()> {
        match &mut self.journal {
            Some(journal) => journal.forget(),
            None => Ok(()),
        }
    }

    /// Numbers the parts; at least one batch, which tells that the node is there.
    fn number(&mut self, mut parts: Vec<G::Rows>, now: DateTime<Utc>, stopped: bool) {
        if parts.is_empty() {
            parts.push(G::Rows::default());
        }
        for rows in parts {
            self.numbered.push_back((self.next, Arc::new(rows)));
            self.next.seq += 1;
        }
        self.next.counted_to = now;
        if let Some((last, _)) = self.numbered.back_mut() {
            last.counted_to = now;
            last.stopped = stopped;
        }
    }
}
