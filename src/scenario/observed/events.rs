//! Lists of observed events, such as an access log: counted in bins, they become points of an arrival pattern.

use super::{MAX_PROBLEMS, MAX_ROWS, TIME, opening, read_file, seconds_since};
use crate::scenario::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::scenario::file::IntensityPart;
use crate::scenario::source::Place;
use crate::scenario::tree::Cursor;
use crate::units::{LONGEST, Nanos};
use jiff::Timestamp;
use jiff::fmt::strtime;

/// A time as web servers write it.
const LOG_TIME: &str = "%d/%b/%Y:%H:%M:%S %z";

/// Replaces a part that names a file of events by points, if it is one and the file can be read.
pub(super) fn count(part: &mut IntensityPart, at: Cursor<'_>, found: &mut Diagnostics) {
    let IntensityPart::Events { weight, file, since, bin } = part else { return };
    let Some(opening) = opening(since, at.key("since"), found) else { return };
    if *bin == Nanos(0) {
        let none = Diagnostic::new(Code::BadDistribution, "a bin must have a length");
        return found.push(none.at(at.key("bin").place(), "over in an instant"));
    }
    let Some(source) = read_file(file, at.key("file"), found) else { return };
    let counted = bins(&found.sources.get(source).text, source, opening, *bin);
    match counted {
        Ok(values) => {
            *part = IntensityPart::Points { weight: *weight, file: None, since: None, values: Some(values) };
        }
        Err(problems) => problems.into_iter().for_each(|problem| found.push(problem)),
    }
}

/// Events a second by bin, at the middle of each, and at both ends of the whole.
fn bins(text: &str, source: usize, opening: i64, bin: Nanos) -> Result<Vec<(f64, f64)>, Vec<Diagnostic>> {
    let place = |range| Place { source, range };
    let length = bin.as_secs_f64();
    let (mut counts, mut problems): (Vec<u64>, Vec<Diagnostic>) = (Vec::new(), Vec::new());
    for (start, line, time) in events(text) {
        let whole = place(start..start + line.len());
        let Some(seconds) = time.and_then(|time| seconds_since(time, opening)) else {
            problems.push(Diagnostic::new(Code::BadCsv, "there is no time in this line").at(whole, "").help(
                "write a column `time`, or the time of each line in front or in brackets: [11/Nov/2019:00:00:01 +0800]",
            ));
            if problems.len() >= MAX_PROBLEMS {
                break;
            }
            continue;
        };
        // The column of a sale that was observed may well begin before its opening.
        if seconds < 0.0 {
            continue;
        }
        let index = (seconds / length) as usize;
        if index >= MAX_ROWS || seconds > LONGEST.as_secs_f64() {
            let many = Diagnostic::new(Code::TooMany, format!("more than {MAX_ROWS} bins, or more than 400 days"));
            problems.push(many.at(whole, "too late").help("take longer bins"));
            break;
        }
        if counts.len() <= index {
            counts.resize(index + 1, 0);
        }
        counts[index] += 1;
    }
    if counts.is_empty() && problems.is_empty() {
        problems.push(Diagnostic::new(Code::BadCsv, "no event after the opening").at(place(0..0), "brings nobody"));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let rate = |count: u64| count as f64 / length;
    let middles = counts.iter().enumerate().map(|(index, count)| ((index as f64 + 0.5) * length, rate(*count)));
    let first = (0.0, rate(counts[0]));
    let last = (counts.len() as f64 * length, rate(counts[counts.len() - 1]));
    Ok(std::iter::once(first).chain(middles).chain([last]).collect())
}

/// The lines that hold an event: first byte, text, and time if there is one.
fn events(text: &str) -> impl Iterator<Item = (usize, &str, Option<Timestamp>)> {
    let mut header = text.lines().next().unwrap_or_default().split(',');
    let column = header.position(|name| unquoted(name) == TIME);
    let mut start = 0;
    let lines = text.split_inclusive('\n').map(move |line| {
        let at = start;
        start += line.len();
        (at, line.trim_end())
    });
    let lines = lines.skip(usize::from(column.is_some())).filter(|(_, line)| !line.is_empty());
    lines.map(move |(at, line)| {
        let time = match column {
            Some(column) => line.split(',').nth(column).and_then(|cell| unquoted(cell).parse().ok()),
            None => time_of(line),
        };
        (at, line, time)
    })
}

fn unquoted(cell: &str) -> &str {
    cell.trim().trim_matches('"')
}

/// The time in a line of a log.
fn time_of(line: &str) -> Option<Timestamp> {
    let bracketed = || {
        let (_, rest) = line.split_once('[')?;
        let (time, _) = rest.split_once(']')?;
        strtime::parse(LOG_TIME, time).ok()?.to_timestamp().ok()
    };
    let in_front = || line.split([' ', '\t', ',', ';']).next().and_then(|word| unquoted(word).parse().ok());
    bracketed().or_else(in_front)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2019-11-11 00:00:00 in Shanghai.
    const OPENING: i64 = 1_573_401_600_000;

    fn binned(text: &str) -> Vec<(f64, f64)> {
        bins(text, 0, OPENING, Nanos::from_secs(10)).unwrap_or_else(|problems| panic!("{}", problems[0].message))
    }

    #[test]
    fn a_log_a_table_and_a_list_are_counted_alike() {
        let log = "1.2.3.4 - - [10/Nov/2019:23:59:59 +0800] \"GET / HTTP/1.1\" 200 5\n\
                   1.2.3.4 - - [11/Nov/2019:00:00:01 +0800] \"GET / HTTP/1.1\" 200 5\n\
                   1.2.3.4 - - [11/Nov/2019:00:00:09 +0800] \"GET / HTTP/1.1\" 200 5\n\
                   1.2.3.4 - - [11/Nov/2019:00:00:25 +0800] \"GET / HTTP/1.1\" 200 5\n";
        let table = "shop,\"time\"\na,2019-11-10T23:59:59+08:00\na,2019-11-11T00:00:01.5+08:00\nb,\"2019-11-10T16:00:09Z\"\nb,2019-11-11T00:00:25+08:00\n";
        let list = "2019-11-11T00:00:01+08:00 a\r\n\r\n2019-11-11T00:00:02+08:00\n2019-11-11T00:00:21+08:00\n";
        let points = [(0.0, 0.2), (5.0, 0.2), (15.0, 0.0), (25.0, 0.1), (30.0, 0.1)];
        for text in [log, table, list] {
            assert_eq!(binned(text), points);
        }
    }

    #[test]
    fn lines_without_a_time_are_told_with_their_place() {
        let problems =
            bins("2019-11-11T00:00:01+08:00\nnoon\n", 3, OPENING, Nanos::from_secs(10)).expect_err("no time");
        assert_eq!(problems[0].places[0].0, Place { source: 3, range: 26..30 });
        assert!(bins("2019-11-10T00:00:01+08:00\n", 0, OPENING, Nanos::from_secs(10)).is_err());
    }
}
