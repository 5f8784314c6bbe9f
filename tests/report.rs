//! Result folders: written, read back, drawn again; and pictures of results that have little to show.

#[path = "report/fixture.rs"]
mod fixture;

use saleload::report::{self, ReportError, figure, manifest::Manifest};
use saleload::results::{
    Bucket, Column, Completion, PresaleSummary, PublishedFigure, PublishedResult, Results, Table, Values,
    WindowSummary, series,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Writes the made-up festival to a folder to look at: `cargo test --test report sample -- --ignored`.
#[test]
#[ignore = "makes pictures to look at"]
fn sample_folder_to_look_at() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sample");
    report::write(&fixture::festival(), fixture::SCENARIO, &folder, true).expect("the folder is written");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sample-sparse");
    let mut sparse = sparse();
    sparse.summary.completion = Completion::Interrupted;
    sparse.summary.simulated_cells = 1;
    report::write(&sparse, fixture::SCENARIO, &folder, true).expect("the folder is written");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sample-flash");
    let mut flash = fixture::festival();
    flash_sales(&mut flash);
    report::write(&flash, fixture::SCENARIO, &folder, true).expect("the folder is written");
}

/// Eight windows of ten minutes, one every quarter of an hour.
fn flash_sales(results: &mut Results) {
    let first = results.summary.windows[0].clone();
    let window = |i: i64| {
        let opens = first.opens_unix_ms + i * 900_000;
        let name = format!("flash sale {}", i + 1);
        WindowSummary { name, opens_unix_ms: opens, closes_unix_ms: opens + 600_000, ..first.clone() }
    };
    results.summary.windows = (0..8).map(window).collect();
}

/// The festival with every `nth` row only, which is enough where pictures are not looked at.
fn brief() -> Results {
    let mut results = fixture::festival();
    keep_rows(&mut results.series, |row| row % 97 == 0);
    results
}

fn keep_rows(table: &mut Table, keep: impl Fn(usize) -> bool) {
    fn pick<T: Copy>(values: &[T], keep: &impl Fn(usize) -> bool) -> Vec<T> {
        values.iter().enumerate().filter(|(row, _)| keep(*row)).map(|(_, v)| *v).collect()
    }
    for column in &mut table.columns {
        column.values = match &column.values {
            Values::Integer(values) => Values::Integer(pick(values, &keep)),
            Values::Real(values) => Values::Real(pick(values, &keep)),
        };
    }
}

/// No catalogue, no services, nothing lost.
fn sparse() -> Results {
    let mut results = brief();
    results.series.columns.retain(|c| !c.name.contains('.'));
    results.summary.categories.clear();
    results.summary.services.clear();
    results.summary.products.clear();
    results.summary.saturated.clear();
    results.services.clear();
    results.brands.clear();
    results.products.clear();
    results.channels.clear();
    results.livestreams.clear();
    results.vouchers.clear();
    results.ledger.retain(|row| !row.bucket.is_lost());
    results
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            (path.file_name().expect("a name").to_string_lossy().into_owned(), fs::read(&path).expect("a file"))
        })
        .collect()
}

#[test]
fn a_folder_reads_back_equal_and_is_the_same_to_the_byte_each_time() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let results = brief();
    let (one, two) = (place.path().join("nested/one"), place.path().join("two"));
    report::write(&results, fixture::SCENARIO, &one, false).expect("written");
    report::write(&results, fixture::SCENARIO, &two, false).expect("written");
    assert_eq!(report::read(&one).expect("read"), (results.clone(), fixture::SCENARIO.to_owned()));

    let files = contents(&one);
    assert!(files == contents(&two), "two writes of the same results differ");
    for name in figure::names(&results).flat_map(|n| [format!("{n}.svg"), format!("{n}.png")]) {
        assert!(files.contains_key(&name), "{name}");
    }
    let manifest = Manifest::read(&one).expect("a manifest");
    let listed: Vec<&String> = manifest.files.keys().collect();
    let present: Vec<&String> = files.keys().filter(|name| *name != "manifest.json").collect();
    assert_eq!(listed, present);
    assert_eq!(manifest.files["report.html"], blake3::hash(&files["report.html"]).to_hex().as_str());
    assert!(fs::read_dir(place.path()).expect("readable").count() == 2, "no temporary folder is left");
}

#[test]
fn redrawing_restores_pictures_page_and_manifest() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = place.path().join("result");
    report::write(&sparse(), fixture::SCENARIO, &folder, false).expect("written");
    let before = contents(&folder);
    fs::remove_file(folder.join("gmv.svg")).expect("removed");
    fs::write(folder.join("report.html"), "gone").expect("spoilt");
    report::redraw(&folder).expect("drawn");
    assert!(before == contents(&folder));
}

#[test]
fn an_existing_folder_is_refused_unless_it_may_be_replaced() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = place.path().join("result");
    let mut results = sparse();
    report::write(&results, fixture::SCENARIO, &folder, false).expect("written");
    assert!(matches!(report::write(&results, fixture::SCENARIO, &folder, false), Err(ReportError::Exists(_))));
    results.summary.seed = 7;
    report::write(&results, fixture::SCENARIO, &folder, true).expect("replaced");
    assert_eq!(Manifest::read(&folder).expect("a manifest").seed, 7);

    let precious = place.path().join("precious");
    fs::create_dir(&precious).expect("made");
    fs::write(precious.join("thesis.txt"), "ten years").expect("written");
    fs::write(precious.join("manifest.json"), "{\"name\": \"another tool\"}").expect("written");
    let refused = report::write(&results, fixture::SCENARIO, &precious, true);
    assert!(matches!(refused, Err(ReportError::NotAResult(_))), "{refused:?}");
    assert_eq!(contents(&precious).len(), 2);
}

#[test]
fn missing_and_garbled_files_are_named_with_their_line() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = place.path().join("result");
    report::write(&brief(), fixture::SCENARIO, &folder, false).expect("written");
    let spoil = |file: &str, change: &dyn Fn(String) -> String| {
        let path = folder.join(file);
        let whole = fs::read_to_string(&path).expect("readable");
        fs::write(&path, change(whole.clone())).expect("writable");
        let message = report::read(&folder).expect_err(file).to_string();
        fs::write(&path, whole).expect("writable");
        message
    };
    let line = |text: String, number: usize, with: &str| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines[number - 1] = with;
        lines.join("\n")
    };
    let says = |message: &str, words: &[&str]| {
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    };
    says(&spoil("ledger.csv", &|t| line(t, 3, "first window,x,stolen,,1,2,3")), &["ledger.csv, line 3", "stolen"]);
    says(&spoil("services.csv", &|t| line(t, 2, "order,first")), &["services.csv, line 2", "2 fields"]);
    says(&spoil("brands.csv", &|t| line(t, 1, "brand,colour")), &["brands.csv, line 1", "brand,category,skus"]);
    says(&spoil("series.csv", &|t| t.replacen("\n16041", "\nx6041", 2)), &["series.csv, line 2", "time_unix_ms"]);
    says(&spoil("summary.json", &|t| t.replace("\"seed\"", "\"sead\"")), &["summary.json, line", "sead"]);
    says(&spoil("manifest.json", &|_| "{".to_owned()), &["manifest.json, line 1"]);
    fs::remove_file(folder.join("products.csv")).expect("removed");
    says(&report::read(&folder).expect_err("a file is missing").to_string(), &["products.csv"]);
    assert!(report::read(place.path()).is_err());
}

#[test]
fn results_with_little_or_wild_data_are_drawn_and_read_back() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let with = |change: &dyn Fn(&mut Results)| {
        let mut results = brief();
        keep_rows(&mut results.series, |row| row < 60);
        change(&mut results);
        results
    };
    let cases: [(&str, Results); 9] = [
        ("many-windows", with(&flash_sales)),
        ("no-rows", with(&|r| keep_rows(&mut r.series, |_| false))),
        ("no-columns", with(&|r| r.series = Table::default())),
        ("one-row", with(&|r| keep_rows(&mut r.series, |row| row == 3))),
        ("no-windows", with(&|r| r.summary.windows.clear())),
        ("all-zero", with(&|r| set_amounts(&mut r.series, 0))),
        ("huge", with(&|r| set_amounts(&mut r.series, i64::MAX / 2))),
        ("sparse", sparse()),
        (
            "unknown-zone",
            with(&|r| {
                r.summary.zone = "Moon/Tranquility".to_owned();
                r.summary.windows[0].closes_unix_ms = r.summary.windows[0].opens_unix_ms;
                r.summary.title = "双十一 \u{1F6D2} \u{7} ".repeat(40);
            }),
        ),
    ];
    for (name, results) in cases {
        let folder = place.path().join(name);
        report::write(&results, fixture::SCENARIO, &folder, false).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(report::read(&folder).unwrap_or_else(|e| panic!("{name}: {e}")).0, results, "{name}");
    }
}

fn set_amounts(table: &mut Table, amount: i64) {
    for Column { name, values } in &mut table.columns {
        let kept = [series::TIME, series::SECONDS, series::WINDOW].contains(&name.as_str());
        match values {
            Values::Integer(values) if !kept => values.fill(amount),
            Values::Real(values) => values.fill(amount as f64),
            Values::Integer(_) => {}
        }
    }
}

#[test]
fn names_cannot_break_out_of_the_page_or_a_picture() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = place.path().join("result");
    let mut results = brief();
    let evil = "</script><b onclick=\"x\">&";
    results.summary.title = evil.to_owned();
    results.summary.windows[0].name = evil.to_owned();
    results.summary.services[0] = evil.to_owned();
    results.brands[0].brand = evil.to_owned();
    report::write(&results, fixture::SCENARIO, &folder, false).expect("written");
    let page = fs::read_to_string(folder.join("report.html")).expect("a page");
    assert!(!page.contains("<b onclick"));
    assert_eq!(page.matches("</script").count(), 3);
    assert!(!page.contains("src=\"http") && !page.contains("href=\"http"), "the page loads nothing");
    assert!(page.len() < 700_000, "{} bytes", page.len());
    let picture = fs::read_to_string(folder.join("gmv.svg")).expect("a picture");
    assert!(!picture.contains("<b onclick") && picture.contains("&lt;b onclick"));
}

#[test]
fn warnings_stand_on_every_picture_and_on_the_page() {
    let mut results = sparse();
    results.summary.simulated_cells = 1;
    results.summary.completion = Completion::Interrupted;
    for name in figure::NAMES {
        let subtitle = figure::figure(&results, name).subtitle;
        assert!(subtitle.contains("sample: 1 of 64 cells") && subtitle.contains("interrupted"), "{subtitle}");
    }
}

#[test]
fn figures_hold_what_the_results_say() {
    let results = fixture::festival();
    let gmv = figure::figure(&results, "gmv");
    assert_eq!(gmv.rows.len(), 3);
    assert!(gmv.rows.iter().all(|row| row.panels.len() == 2));
    let paid = gmv.rows[0].panels[1].series.last().expect("a line");
    let total = results.summary.total.gmv_paid_fen as f64;
    assert!((paid.points.last().expect("a point").1 - total).abs() < 1.0, "the curve ends at the headline");

    let orders = figure::figure(&results, "orders");
    let peak = &orders.rows[0].panels[0].marks[0];
    let window = &results.summary.windows[0];
    assert_eq!(peak.at.1, window.peak_orders_per_second);
    assert!(peak.text.contains("at 00:00:18"), "{}", peak.text);

    let inventory = figure::figure(&results, "inventory");
    assert_eq!(inventory.rows[1].panels[0].marks.len(), 4, "four products sell out in the first window");
    assert!(inventory.rows[1].labels.iter().any(|l| l.text == "Game console: out 1 Nov 00:00:09"));

    let services = figure::figure(&results, "services");
    let order = services.rows[0].panels.iter().find(|p| p.heading == "order").expect("the order service");
    assert_eq!(order.shades, [(9.0, 58.0)]);

    let lost = figure::figure(&results, "lost");
    let sum: f64 = lost.rows[1].panels[0].marks.iter().map(|mark| mark.at.0).sum();
    let ledger: u64 = results.ledger.iter().filter(|r| r.bucket.is_lost()).map(|r| r.money_fen).sum();
    assert_eq!(sum, ledger as f64);
    assert!(!lost.rows[1].y.ticks.iter().any(|tick| tick.label == Bucket::ChangedMind.name()));
    assert!(figure::figure(&sparse(), "lost").title.contains("nothing was lost"));
}

/// Published sums of the second window, close to one another; the run is off by so many thousandths of each, and may be by 20.
fn heap(results: &Results, thousandths: impl Iterator<Item = i32>) -> Vec<PublishedResult> {
    let point = |(i, off): (usize, i32)| {
        let error = f64::from(off) / 1000.0;
        let at = fixture::SECOND + 400_000 * (i as i64 + 1);
        PublishedResult {
            name: format!("point-{i}"),
            at_unix_ms: Some(at),
            simulated: Some(3e13 + 1e11 * i as f64),
            simulated_at_unix_ms: Some(at),
            published: (3e13 + 1e11 * i as f64) / (1.0 + error),
            error: Some(error),
            within: 0.02,
            ..results.summary.published[0].clone()
        }
    };
    thousandths.enumerate().map(point).collect()
}

#[test]
fn every_published_figure_carries_its_error_and_those_too_far_off_a_sign() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = place.path().join("result");
    let mut results = brief();
    results.summary.published = heap(&results, (0..12).map(|i| 3 * i - 15 + i % 2));
    let row = &figure::figure(&results, "gmv").rows[0];
    let published: Vec<&figure::Mark> = row.panels[1].marks.iter().filter(|mark| mark.text.ends_with('%')).collect();
    assert_eq!(published.len(), 12);
    for mark in &published {
        let off = mark.shape == figure::Shape::Diamond;
        assert_eq!(mark.text.starts_with("! "), off, "{mark:?}");
    }
    assert_eq!(
        published.iter().filter(|mark| mark.text.starts_with('!')).count(),
        0,
        "none is off by over two per cent"
    );
    assert_eq!(row.keys.len(), 3);

    results.summary.published[7].error = Some(0.067);
    results.summary.published[3].error = Some(-0.031);
    let row = &figure::figure(&results, "gmv").rows[0];
    let off = row.panels[1].marks.iter().filter(|mark| mark.shape == figure::Shape::Diamond);
    assert_eq!(off.map(|mark| mark.text.as_str()).collect::<Vec<_>>(), ["! -3.1 %", "! +6.7 %"]);
    assert_eq!(row.keys.len(), 4, "both kinds are explained");

    report::write(&results, fixture::SCENARIO, &folder, false).expect("written");
    let picture = fs::read_to_string(folder.join("gmv.svg")).expect("a picture");
    let page = fs::read_to_string(folder.join("report.html")).expect("a page");
    for mark in row.panels[1].marks.iter().filter(|mark| mark.text.ends_with('%')) {
        assert!(picture.contains(&mark.text), "{} is not in the picture", mark.text);
        assert!(page.contains(&format!("\"text\":\"{}\"", mark.text)), "{} is in no chart of the page", mark.text);
    }
}

#[test]
fn of_very_many_published_figures_the_worst_errors_are_written() {
    let mut results = brief();
    results.summary.published = heap(&results, (0..200).map(|i| if i == 150 { 90 } else { i % 19 }));
    let gmv = figure::figure(&results, "gmv");
    let texts = || gmv.rows[0].panels[1].marks.iter().filter(|mark| mark.text.ends_with('%'));
    assert_eq!(texts().count(), 18);
    assert!(texts().any(|mark| mark.text == "! +9 %"));
    assert!(gmv.note.contains("the largest 18 of 200 errors"), "{}", gmv.note);
}

#[test]
fn a_peak_is_compared_in_time_too_and_rates_lie_on_their_curves() {
    let mut results = brief();
    let peak = PublishedResult {
        figure: PublishedFigure::PeakOrdersPerSecond,
        at_unix_ms: Some(fixture::SECOND + 26_000),
        published: 583_000.0,
        simulated: Some(598_000.0),
        simulated_at_unix_ms: Some(fixture::SECOND + 28_000),
        error: Some(0.0257),
        within: 0.05,
        within_time_s: Some(1.0),
        ..results.summary.published[0].clone()
    };
    let rate = |seconds: i64| PublishedResult {
        figure: PublishedFigure::OrdersPerSecond,
        at_unix_ms: Some(fixture::SECOND + seconds * 1000),
        simulated_at_unix_ms: Some(fixture::SECOND + seconds * 1000),
        within_time_s: None,
        ..peak.clone()
    };
    results.summary.published = vec![peak.clone(), rate(600), rate(50_000)];
    let orders = figure::figure(&results, "orders");
    let texts = |row: usize| -> Vec<&str> {
        let marks = orders.rows[row].panels[1].marks.iter();
        marks.map(|mark| mark.text.as_str()).filter(|text| text.contains('%')).collect()
    };
    assert_eq!(texts(0), ["! +2.6 %, 2 s late", "+2.6 %"]);
    assert_eq!(texts(1), ["+2.6 %"], "what lies after the first hour stands on the whole window");
}

#[test]
fn what_targets_ask_for_is_shown_first() {
    let mut results = brief();
    let last = "the last of many";
    let row = results.products[0].clone();
    for i in 0..24 {
        let name = if i == 23 { last.to_owned() } else { format!("product {i}") };
        results.summary.products.push(name.clone());
        let column = results.series.columns[0].values.clone();
        results.series.columns.push(Column { name: series::product_left(&name), values: column });
        results.products.push(saleload::results::ProductRow { product: name, gmv_paid_fen: 0, ..row.clone() });
    }
    results.products.last_mut().expect("a row").sold_out_unix_ms = None;
    let shown = |results: &Results| {
        let inventory = figure::figure(results, "inventory");
        let labels = &inventory.rows[1].labels;
        (labels.len(), labels.iter().any(|label| label.text.starts_with(last)), inventory.note)
    };
    assert_eq!((shown(&results).0, shown(&results).1), (18, false));
    results.summary.targets[0].kind = Some("product".to_owned());
    results.summary.targets[0].subject = Some(last.to_owned());
    let (lines, is_there, note) = shown(&results);
    assert!(lines == 18 && is_there, "{lines}");
    assert!(note.contains("18 of 29 named products"), "{note}");
}

/// Deposits all through the first window, with a burst on its first evening, and balances half an hour into the second.
fn with_presale(results: &mut Results) {
    let (time, seconds) = (results.series.integers(series::TIME), results.series.integers(series::SECONDS));
    let evening = fixture::FIRST + 20 * 3_600_000;
    let rate = |at: i64| match at {
        at if at < fixture::FIRST + 600_000 => [5000, 0],
        at if (evening..evening + 7_200_000).contains(&at) => [2500, 0],
        at if at < fixture::SECOND => [100, 0],
        at if at < fixture::SECOND + 1_800_000 => [0, 0],
        _ => [0, 900],
    };
    let column = |which: usize, unit: i64| -> Values {
        let amount = |(&at, &seconds): (&i64, &i64)| rate(at)[which] * seconds * unit;
        Values::Integer(time.iter().zip(seconds).map(amount).collect())
    };
    let columns = [
        (series::DEPOSITS, column(0, 1)),
        (series::DEPOSITS_FEN, column(0, 3000)),
        (series::BALANCES, column(1, 1)),
        (series::BALANCES_FEN, column(1, 20_000)),
        (series::FORFEITED_FEN, column(0, 0)),
    ];
    results.series.columns.extend(columns.map(|(name, values)| Column { name: name.to_owned(), values }));
    results.summary.windows[0].total.orders_created = 0;
    results.summary.presales = vec![PresaleSummary {
        window: "first window".to_owned(),
        balances_in: "second window".to_owned(),
        balances_from_unix_ms: fixture::SECOND + 1_800_000,
        deposits: 1_000_000,
        deposits_fen: 3_000_000_000,
        balances: 800_000,
        balances_fen: 16_000_000_000,
        gmv_paid_fen: 18_400_000_000,
        forfeited: 200_000,
        forfeited_fen: 600_000_000,
    }];
}

#[test]
fn presales_have_a_picture_of_what_comes_in() {
    let mut results = brief();
    assert!(!figure::names(&results).any(|name| name == "presale"), "no presale, no picture");
    with_presale(&mut results);
    assert!(figure::names(&results).any(|name| name == "presale"));
    let presale = figure::figure(&results, "presale");
    let headings: Vec<&str> = presale.rows.iter().map(|row| row.heading.as_str()).collect();
    assert_eq!(headings[0], "Deposits per second, orders, k/s: first hour");
    assert_eq!(headings[3], "Balances per second, orders: whole window");
    let texts = |row: usize| -> Vec<&str> {
        presale.rows[row].panels.iter().flat_map(|panel| &panel.marks).map(|mark| mark.text.as_str()).collect()
    };
    assert_eq!(texts(0), ["5 k/s at 00:00:00"]);
    assert!(matches!(texts(1)[..], [text] if text.starts_with("2.5 k/s at 1 Nov 2")), "{:?}", texts(1));
    assert_eq!(presale.rows[1].panels.len(), 1, "the window of the deposits alone");
    assert_eq!(presale.rows[4].panels.len(), 2);

    let gmv = figure::figure(&results, "gmv");
    assert!(gmv.rows.iter().all(|row| row.panels.len() == 1), "no sale, no panel");
    assert!(gmv.note.contains("only deposits"), "{}", gmv.note);
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = place.path().join("result");
    report::write(&results, fixture::SCENARIO, &folder, false).expect("written");
    assert!(folder.join("presale.png").exists() && folder.join("presale.svg").exists());
    let page = fs::read_to_string(folder.join("report.html")).expect("a page");
    assert!(page.contains("Deposits and balances per second"));
    let balances = page.matches("\"title\":\"Deposits and balances per second\"").count();
    assert_eq!(balances, 2, "in both windows");
}

#[test]
fn what_was_not_measured_is_not_drawn() {
    let mut results = brief();
    let name = series::service("order", "response_us_p99");
    // In the first window an answer at its ends only, in the second always.
    let end = fixture::FIRST + 3 * 86_400_000;
    let silent = |at: i64| (fixture::FIRST + 60_000..end - 7_200_000).contains(&at);
    let answer = |at: &i64| if silent(*at) { 0 } else { 200_000 };
    let values: Vec<i64> = results.series.integers(series::TIME).iter().map(answer).collect();
    let rows = values.len();
    let column = results.series.columns.iter_mut().find(|column| column.name == name).expect("the column");
    column.values = Values::Integer(values);
    let services = figure::figure(&results, "services");
    let row = services.rows.iter().find(|row| row.heading.starts_with("Response time")).expect("a row");
    let panel = row.panels.iter().find(|panel| panel.heading == "order").expect("the order service");
    assert!(panel.series.iter().all(|line| line.points.iter().all(|point| point.1 == 200.0)));
    assert_eq!(panel.series.len(), 3, "the line of the first window is interrupted");

    let mut nothing = sparse();
    for name in [series::ORDERS, series::PAYMENTS, series::GMV_ORDERED, series::GMV_PAID] {
        let column = nothing.series.columns.iter_mut().find(|column| column.name == name).expect("the column");
        column.values = Values::Integer(vec![0; rows]);
    }
    nothing.summary.published.clear();
    for row in ["gmv", "orders"].into_iter().flat_map(|name| figure::figure(&nothing, name).rows) {
        assert!(row.panels.iter().all(|panel| panel.vacant == "nothing was ordered"), "{}", row.heading);
    }
}

#[test]
fn the_schema_describes_the_summary() {
    let schema: serde_json::Value = serde_json::from_str(&report::summary_schema()).expect("JSON");
    assert_eq!(schema["title"], "Summary");
    assert!(schema["properties"]["digest"].is_object());
}
