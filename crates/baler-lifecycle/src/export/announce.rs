//! Tells which layers are added and which reused, as soon as that is known, in the order of the image: layers are made
//! several at a time, and a large one keeps those after it waiting only in the telling.

use std::sync::Mutex;

use super::pack::PackResult;
use super::piece::{Piece, Role};
use super::plan::reusable;
use crate::analyze::Analysis;
use crate::log::Log;

/// Says one line for each layer of the image, and one or two for all of the application.
pub(crate) struct Announcer<'a> {
    log: &'a dyn Log,
    analysis: &'a Analysis,
    pieces: &'a [Piece<'a>],
    state: Mutex<State>,
}

struct State {
    /// The diffIDs of pieces that are known; empty where the content is the previous image's.
    known: Vec<Option<String>>,
    next: usize,
    reused_app_layers: usize,
}

impl<'a> Announcer<'a> {
    pub(crate) fn new(pieces: &'a [Piece<'a>], analysis: &'a Analysis, log: &'a dyn Log) -> Self {
        let state = State { known: vec![None; pieces.len()], next: 0, reused_app_layers: 0 };
        Self { log, analysis, pieces, state: Mutex::new(state) }
    }

    /// Takes note of a piece, and tells what can be told now. After a piece that failed nothing more is.
    pub(crate) fn known(&self, index: usize, result: &PackResult) {
        let Ok(packed) = result else { return };
        let diff_id = packed.as_ref().map(|packed| packed.diff_id.to_string()).unwrap_or_default();
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.known[index] = Some(diff_id);
        while let Some(Some(diff_id)) = state.known.get(state.next).cloned() {
            self.tell(&mut state, &diff_id);
            state.next += 1;
        }
    }

    fn tell(&self, state: &mut State, diff_id: &str) {
        let piece = &self.pieces[state.next];
        if !piece.in_image {
            return;
        }
        let is_reused = diff_id.is_empty() || reusable(self.analysis, &piece.role, diff_id).is_some();
        if piece.role == Role::App {
            state.reused_app_layers += usize::from(is_reused);
            if self.pieces.get(state.next + 1).is_none_or(|next| next.role != Role::App) {
                self.tell_app(state.reused_app_layers);
            }
        } else {
            let verb = if is_reused { "Reusing" } else { "Adding" };
            self.log.info(&format!("{verb} layer '{}'", piece.what));
        }
        if !diff_id.is_empty() {
            self.log.debug(&format!("Layer '{}' SHA: {diff_id}", piece.what));
        }
    }

    fn tell_app(&self, reused: usize) {
        let all = self.pieces.iter().filter(|piece| piece.role == Role::App).count();
        if reused > 0 {
            self.log.info(&format!("Reused {reused}/{all} app layer(s)"));
        }
        if reused < all {
            self.log.info(&format!("Added {}/{all} app layer(s)", all - reused));
        }
    }
}
