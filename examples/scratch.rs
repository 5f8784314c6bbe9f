use saleload::{engine, scenario};
use std::ops::ControlFlow;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let loaded = match scenario::load(args[1].as_ref(), &args[3..]) {
        Ok(l) => l,
        Err(e) => {
            println!("{}", e.render(false));
            return;
        }
    };
    println!("{}", loaded.warnings.render(false));
    let started = std::time::Instant::now();
    let simulated = loaded.plan.cells / args[2].parse::<u32>().unwrap();
    let options = engine::Options { simulated_cells: simulated, threads: 0 };
    let mut last = 0;
    let results = engine::run(&loaded.plan, &options, &mut |p| {
        let h = p.now.0 / 3_600_000_000_000 * 4;
        if h != last {
            last = h;
            eprintln!(
                "{:.2} h {:.3} {} ev {} flight {:.1}s",
                p.now.as_secs_f64() / 3600.0,
                p.done,
                p.events,
                p.in_flight,
                started.elapsed().as_secs_f64()
            );
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    let t = started.elapsed().as_secs_f64();
    println!("{:#?}", results.summary);
    let mut by = std::collections::BTreeMap::new();
    for row in &results.ledger {
        let e: &mut (u64, u64) = by.entry((row.window.clone(), row.bucket, row.service.clone())).or_default();
        e.0 += row.intents;
        e.1 += row.money_fen;
    }
    for (k, v) in by {
        println!("{k:?} {v:?}");
    }
    for s in &results.services {
        println!("{s:?}");
    }
    for p in results.products.iter().take(8) {
        println!("{p:?}");
    }
    for p in results.brands.iter().take(30) {
        println!("{} {:.2} bn", p.brand, p.gmv_paid_fen as f64 / 1e11);
    }
    let time = results.series.integers("time_unix_ms");
    let paid = results.series.integers("gmv_paid_fen");
    let orders = results.series.integers("orders_created");
    let fl = results.series.integers("sessions_in_flight");
    let w2 = results.summary.windows.last().unwrap().opens_unix_ms;
    let w1 = results.summary.windows[0].opens_unix_ms;
    let cum = |t: i64| time.iter().zip(paid).filter(|(x, _)| **x < t).map(|(_, p)| p).sum::<i64>() as f64 / 1e11;
    for m in [1, 5, 30, 40, 60, 111, 240] {
        println!("w1 +{m}m {:.2} bn", cum(w1 + m * 60_000));
    }
    println!("at w2 open {:.2} 00:30 {:.2} total {:.2}", cum(w2), cum(w2 + 1_800_000), cum(i64::MAX));
    for i in 0..time.len() {
        if (time[i] - w2) >= 0 && (time[i] - w2) < 90_000 && (time[i] - w2) % 3000 == 0 {
            println!(
                "+{}s orders {} paid {} M flight {}",
                (time[i] - w2) / 1000,
                orders[i],
                paid[i] / 100_000_000,
                fl[i]
            );
        }
    }
    println!("max flight {}", fl.iter().max().unwrap());
    println!("{t:.2} s, {:.2} M events/s", results.summary.events as f64 / t / 1e6);
}
