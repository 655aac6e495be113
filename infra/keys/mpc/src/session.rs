//! What all sessions have in common: rounds, who is awaited in each, and that nothing goes on after a failure.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use dkls23_secp256k1::protocols::PartyIndex;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::failure::Failure;
use crate::wire::{Heard, Outgoing};

/// How the parties speak in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ways {
    /// Each to each.
    Direct,
    /// Each to all.
    Broadcast,
    /// Each to each, and to all.
    Both,
}

/// What comes after a round.
pub enum Step<R: Run> {
    /// Another round, with what to say in it.
    Next(R, Vec<Outgoing>),
    /// Nothing: the run is over.
    Finished(R::Outcome),
}

/// One party's side of a protocol.
pub trait Run: Sized + Send {
    /// What it is for.
    type Outcome: Told + Send;
    /// What to say in the first round.
    fn start(&mut self) -> Result<Vec<Outgoing>, Failure>;
    /// Who must be heard in the current round.
    fn awaits(&self) -> (Ways, Vec<u8>);
    /// Go on, having heard exactly these.
    fn advance(self, heard: &Heard) -> Result<Step<Self>, Failure>;
}

/// A result, as Python sees it.
pub trait Told {
    /// Without anything secret.
    fn told(&self, py: Python<'_>) -> PyResult<Py<PyAny>>;
}

enum State<R: Run> {
    Fresh(R),
    Running(R),
    Finished(R::Outcome),
    Over,
}

struct Stage<R: Run>(Mutex<State<R>>);

type Awaited = Vec<(u8, bool)>;
type Said = Vec<(Option<u8>, Py<PyBytes>)>;

trait Played: Send + Sync {
    fn start(&self, py: Python<'_>) -> PyResult<Said>;
    fn awaits(&self) -> Awaited;
    fn advance(&self, py: Python<'_>, messages: Vec<(u8, Vec<u8>, bool)>) -> PyResult<Said>;
    fn finished(&self) -> bool;
    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>>;
}

impl<R: Run> Played for Stage<R> {
    fn start(&self, py: Python<'_>) -> PyResult<Said> {
        let messages = py.detach(|| {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let State::Fresh(mut run) = std::mem::replace(&mut *state, State::Over) else {
                return Err(Failure::Misuse("the session has started before".into()));
            };
            let messages = guarded(|| run.start())?;
            *state = State::Running(run);
            Ok(messages)
        })?;
        Ok(spoken(py, &messages))
    }

    fn awaits(&self) -> Awaited {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Running(run) => awaited(run),
            _ => Vec::new(),
        }
    }

    fn advance(&self, py: Python<'_>, messages: Vec<(u8, Vec<u8>, bool)>) -> PyResult<Said> {
        let said = py.detach(|| {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let State::Running(run) = &*state else {
                return Err(Failure::Misuse("the session is not running".into()));
            };
            let heard = exactly(awaited(run), messages)?;
            let State::Running(run) = std::mem::replace(&mut *state, State::Over) else { unreachable!("seen above") };
            match guarded(|| run.advance(&heard))? {
                Step::Next(run, said) => {
                    *state = State::Running(run);
                    Ok(said)
                }
                Step::Finished(outcome) => {
                    *state = State::Finished(outcome);
                    Ok(Vec::new())
                }
            }
        })?;
        Ok(spoken(py, &said))
    }

    fn finished(&self) -> bool {
        matches!(*self.0.lock().unwrap_or_else(PoisonError::into_inner), State::Finished(_))
    }

    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Finished(outcome) => outcome.told(py),
            _ => Err(Failure::Misuse("the session has no result".into()).into()),
        }
    }
}

/// One party's side of one run. Its state is wiped when it is dropped; it cannot be pickled or copied.
#[pyclass(frozen, module = "proofdesk_mpc")]
pub struct Session(Box<dyn Played>);

impl Session {
    /// A session that plays `run`.
    pub fn of<R: Run + 'static>(run: R) -> Self {
        Self(Box::new(Stage(Mutex::new(State::Fresh(run)))))
    }
}

#[pymethods]
impl Session {
    /// Begin: what to say in the first round, each with its receiver, None for everybody.
    fn start(&self, py: Python<'_>) -> PyResult<Said> {
        self.0.start(py)
    }

    /// Who must be heard in the current round, and whether in what it says to everybody.
    fn awaits(&self) -> Awaited {
        self.0.awaits()
    }

    /// Go on, having heard exactly who is awaited: what to say in the next round.
    fn advance(&self, py: Python<'_>, messages: Vec<(u8, Vec<u8>, bool)>) -> PyResult<Said> {
        self.0.advance(py, messages)
    }

    /// Whether there is a result.
    fn finished(&self) -> bool {
        self.0.finished()
    }

    /// A share, or a signature as (r, s, parity of R's y).
    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.0.result(py)
    }
}

/// The library's own panics end the run, not the process: a counterparty's bytes may have caused them.
fn guarded<T>(run: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        Err(Failure::Aborted { reason: "the protocol failed inside".into(), banned: None, blamed: None, unfit: false })
    })
}

fn awaited<R: Run>(run: &R) -> Awaited {
    let (ways, parties) = run.awaits();
    let direct = parties.iter().filter(|_| ways != Ways::Broadcast).map(|party| (*party, false));
    let broadcast = parties.iter().filter(|_| ways != Ways::Direct).map(|party| (*party, true));
    direct.chain(broadcast).collect()
}

fn exactly(awaited: Awaited, messages: Vec<(u8, Vec<u8>, bool)>) -> Result<Heard, Failure> {
    let mut heard = Heard::default();
    let count = messages.len();
    for (sender, payload, broadcast) in messages {
        if !awaited.contains(&(sender, broadcast)) {
            return Err(Failure::Misuse(format!("party {sender} is not awaited in this way")));
        }
        let way: &mut BTreeMap<u8, Vec<u8>> = if broadcast { &mut heard.broadcast } else { &mut heard.direct };
        if way.insert(sender, payload).is_some() {
            return Err(Failure::Misuse(format!("two messages of party {sender}")));
        }
    }
    if count == awaited.len() { Ok(heard) } else { Err(Failure::Misuse("not everybody has been heard".into())) }
}

fn spoken(py: Python<'_>, messages: &[Outgoing]) -> Said {
    messages.iter().map(|message| (message.receiver, PyBytes::new(py, &message.payload).unbind())).collect()
}

/// A party's place, from 1 to `parties`.
pub fn index(party: u8, parties: u8) -> Result<PartyIndex, Failure> {
    PartyIndex::new(party)
        .ok()
        .filter(|_| party <= parties)
        .ok_or_else(|| Failure::Misuse(format!("there is no party {party} of {parties}")))
}

/// All parties but `me`, in order.
pub fn others(parties: u8, me: PartyIndex) -> impl Iterator<Item = u8> {
    (1..=parties).filter(move |party| *party != me.as_u8())
}
