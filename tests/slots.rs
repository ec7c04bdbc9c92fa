//! The slots as a model: random orders of what can happen to them, and what must hold after each step.
//!
//! Two handles on one state folder stand for two servers: a lock belongs to the open file, so each of them is as strange
//! to the other as another process. Holders are this process or children that were given the file, as a supervisor is.
//! After each step the model says how many slots are in use; after each order all of them are free again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use proptest::prelude::*;
use singularity_nginx::run::{Busy, Slot, Slots, VisitorQuota};

/// What can happen. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    /// Somebody asks one of the servers for a slot; nobody is counted without a visitor.
    Take { server: usize, visitor: Option<usize> },
    /// A holder becomes a child, to which the file is given; the server keeps its own copy, or closes it.
    Hand { holder: usize, keep: bool },
    /// The server closes its copy.
    Release { holder: usize },
    /// The child is killed.
    Kill { holder: usize },
    /// Somebody removes a slot's file.
    Remove { slot: usize },
    /// Somebody removes the file that serialises taking.
    RemoveTurn,
    /// A run that found no slot is counted.
    Refuse { server: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let number = 0..8_usize;
    prop_oneof![
        6 => (0..2_usize, proptest::option::of(0..3_usize)).prop_map(|(server, visitor)| Step::Take { server, visitor }),
        2 => (number.clone(), any::<bool>()).prop_map(|(holder, keep)| Step::Hand { holder, keep }),
        3 => number.clone().prop_map(|holder| Step::Release { holder }),
        2 => number.clone().prop_map(|holder| Step::Kill { holder }),
        1 => number.prop_map(|slot| Step::Remove { slot }),
        1 => Just(Step::RemoveTurn),
        1 => (0..2_usize).prop_map(|server| Step::Refuse { server }),
    ]
}

/// How many slots there are, how many one visitor may have, and what happens.
fn order() -> impl Strategy<Value = (usize, usize, Vec<Step>)> {
    (1..5_usize, 1..4_usize, proptest::collection::vec(step(), 1..40))
}

/// Who holds a slot.
struct Holder {
    visitor: Option<usize>,
    /// The slot, as long as its file is at its path.
    slot: Option<usize>,
    ours: Option<Slot>,
    child: Option<Child>,
}

impl Holder {
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.kill();
    }
}

struct Model {
    folder: PathBuf,
    servers: [Slots; 2],
    count: usize,
    limit: usize,
    holders: Vec<Holder>,
    refused: u64,
}

impl Model {
    fn new(folder: &Path, count: usize, limit: usize) -> Model {
        let server = || Slots::open(folder, "slot", count).unwrap();
        let servers = [server(), server()];
        Model { folder: folder.to_owned(), servers, count, limit, holders: Vec::new(), refused: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("slot-{name}.lock"))
    }

    /// What a request for a slot must be answered with: the first free one, or why there is none.
    fn expected(&self, visitor: Option<usize>) -> Result<usize, Busy> {
        let counted = || self.holders.iter().filter(|holder| holder.slot.is_some());
        if visitor.is_some() && counted().filter(|holder| holder.visitor == visitor).count() >= self.limit {
            return Err(Busy::Visitor);
        }
        (0..self.count).find(|slot| counted().all(|holder| holder.slot != Some(*slot))).ok_or(Busy::Site)
    }

    fn take(&mut self, server: usize, visitor: Option<usize>) {
        let who = visitor.map(|number| VisitorQuota { key: format!("203.0.113.{number}"), limit: self.limit });
        let expected = self.expected(visitor);
        let taken = self.servers[server].take(who.as_ref()).unwrap();
        let at = |slot: &Slot| {
            let number = (0..self.count).find(|number| is_at(slot, &self.path(&number.to_string())));
            number.unwrap()
        };
        assert_eq!(taken.as_ref().map(at).map_err(|busy| *busy), expected);
        if let Ok(slot) = taken {
            self.holders.push(Holder { visitor, slot: expected.ok(), ours: Some(slot), child: None });
        }
    }

    fn hand(&mut self, holder: usize, keep: bool) {
        let Some(holder) = choose(&mut self.holders, holder) else { return };
        let Some(slot) = holder.ours.as_ref().filter(|_| holder.child.is_none()) else { return };
        let file = slot.file().try_clone().unwrap();
        holder.child = Some(child(file));
        if !keep {
            holder.ours = None;
        }
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Take { server, visitor } => self.take(server, visitor),
            Step::Hand { holder, keep } => self.hand(holder, keep),
            Step::Release { holder } => {
                if let Some(holder) = choose(&mut self.holders, holder) {
                    holder.ours = None;
                }
            }
            Step::Kill { holder } => {
                if let Some(holder) = choose(&mut self.holders, holder) {
                    holder.kill();
                }
            }
            Step::Remove { slot } => {
                let slot = slot % self.count;
                let _ = std::fs::remove_file(self.path(&slot.to_string()));
                self.holders
                    .iter_mut()
                    .filter(|holder| holder.slot == Some(slot))
                    .for_each(|holder| holder.slot = None);
            }
            Step::RemoveTurn => drop(std::fs::remove_file(self.path("take"))),
            Step::Refuse { server } => {
                self.servers[server].refuse().unwrap();
                self.refused += 1;
            }
        }
        self.holders.retain(|holder| holder.ours.is_some() || holder.child.is_some());
    }

    /// Both servers see what the model says, and never too much.
    fn check(&self) {
        let counted: Vec<&Holder> = self.holders.iter().filter(|holder| holder.slot.is_some()).collect();
        for server in &self.servers {
            assert_eq!(server.in_use().unwrap(), counted.len());
            assert_eq!(server.refusals().unwrap(), self.refused);
        }
        assert!(counted.len() <= self.count);
        for visitor in counted.iter().filter_map(|holder| holder.visitor) {
            assert!(counted.iter().filter(|holder| holder.visitor == Some(visitor)).count() <= self.limit);
        }
    }
}

/// A process that has this file open, and no other of ours: a child that is being started has copies of all of them
/// for a moment, and with them the locks. It says when that is over.
fn child(file: File) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", "echo; exec sleep 600"]).stdin(Stdio::from(file)).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    child
}

fn choose(holders: &mut [Holder], number: usize) -> Option<&mut Holder> {
    let count = holders.len().max(1);
    holders.get_mut(number % count)
}

/// Whether the open file is the one at this path.
fn is_at(slot: &Slot, path: &Path) -> bool {
    let ours = slot.file().metadata().unwrap();
    path.metadata().is_ok_and(|there| (ours.dev(), ours.ino()) == (there.dev(), there.ino()))
}

fn holds((count, limit, steps): (usize, usize, Vec<Step>)) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("state");
    let mut model = Model::new(&folder, count, limit);
    for step in &steps {
        model.apply(step);
        model.check();
    }
    model.holders.clear();
    model.check();
    let all: Vec<_> = (0..count).map(|_| model.servers[0].take(None).unwrap()).collect();
    assert!(all.iter().all(Result::is_ok), "a slot that nobody holds is not free");
    assert_eq!(model.servers[1].take(None).unwrap().err(), Some(Busy::Site));
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert!(files <= count + 2, "{files} files in the state folder: one for each slot, and two");
}

/// For one test at a time: the children of another would have copies of this one's locks for a moment.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn slots_keep_their_bounds_in_any_order() {
    let _alone = ALONE.lock();
    properties::check(150, order(), holds);
}

#[test]
#[ignore = "long"]
fn slots_keep_their_bounds_in_any_order_long() {
    let _alone = ALONE.lock();
    properties::check_long(5000, order(), holds);
}
