//! The bundled `waiting-room.toml`: a crowd at the door, let in at a rate that the shop can serve.

use saleload::engine::{self, Options};
use saleload::plan::{LeftPlaces, Plan, Room};
use saleload::results::{Results, RoomSummary, series};
use saleload::scenario;
use std::ops::ControlFlow;
use std::path::Path;

fn plan(overrides: &[&str]) -> Plan {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    let loaded = scenario::load(Path::new("scenarios/waiting-room.toml"), &overrides);
    loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan
}

fn run(plan: &Plan, threads: usize) -> Results {
    let options = Options { simulated_cells: plan.cells, threads };
    engine::run(plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
}

fn room(results: &Results) -> &RoomSummary {
    results.summary.windows[0].room.as_ref().expect("the window has a room")
}

#[test]
fn the_room_lets_in_what_it_says_and_everybody_is_accounted_for() {
    let plan = plan(&[]);
    let results = run(&plan, 2);
    let RoomSummary { came, waited, admitted, gave_up, sent_away, closed, waiting, .. } = *room(&results);
    assert_eq!(came, results.summary.total.sessions);
    assert_eq!(came, admitted + gave_up + sent_away + closed + waiting);
    assert!(waited > came * 9 / 10 && gave_up > 0 && sent_away > 0, "{:?}", room(&results));
    let longest = plan.windows[0].room.as_ref().and_then(|room| room.longest_wait).expect("places expire");
    assert!(room(&results).wait_ms_max <= longest.0 / 1_000_000, "{:?} of {longest}", room(&results));
    let (seconds, in_series) =
        (results.series.integers(series::SECONDS), results.series.integers(&series::room("admitted")));
    for (row, (&seconds, &admitted)) in seconds.iter().zip(in_series).enumerate() {
        // Each cell may let one more in than its share, at the start of a row.
        assert!(admitted <= 45 * seconds + i64::from(plan.cells), "{admitted} in {seconds} s of row {row}");
        // While people wait, no turn passes unused, as who leaves makes room.
        let busy = results.series.integers(&series::room("waiting"))[row] > 1000;
        assert!(!busy || admitted >= 45 * seconds - i64::from(plan.cells), "{admitted} in {seconds} s of row {row}");
    }
}

/// A room in which somebody always waits, and that nobody leaves, lets in the rate times the time.
#[test]
fn without_leavers_a_full_room_lets_in_its_rate() {
    let mut plan = plan(&[]);
    let left_places = LeftPlaces::Expire;
    plan.windows[0].room = Some(Room { per_second: 30, longest_wait: None, patience: None, left_places });
    let results = run(&plan, 1);
    let room = room(&results);
    let open = 3600 * 30;
    assert!(room.admitted.abs_diff(open) <= 8, "{room:?}");
    assert_eq!((room.gave_up, room.sent_away), (0, 0), "nobody leaves before the closing");
    assert!(room.closed + room.waiting == room.came - room.admitted);
    assert!(room.wait_ms_max <= 3_600_000 * 101 / 100);
}

#[test]
fn a_place_that_is_left_is_used_or_passes_unused() {
    let (moves_up, expires) = (run(&plan(&[]), 1), run(&plan(&["window.noon.room.left_places=expire"]), 1));
    assert!(room(&moves_up).admitted > room(&expires).admitted * 11 / 10);
}

#[test]
fn results_do_not_depend_on_threads() {
    let plan = plan(&["population.shoppers=40000"]);
    let one = run(&plan, 1);
    for threads in [2, 16] {
        assert_eq!(run(&plan, threads), one);
    }
}

#[test]
fn who_is_early_is_there_in_the_first_second() {
    let plan = plan(&[]);
    let results = run(&plan, 2);
    let came = results.series.integers(&series::room("came"));
    let all: i64 = came.iter().sum();
    let share = came[0] as f64 / all as f64;
    assert!((0.49..0.54).contains(&share), "{share}");
}
