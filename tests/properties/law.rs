//! What must hold of the results of any scenario, added up anew from the tables.

use saleload::plan::{Desk, MAX_LINES, Plan};
use saleload::results::{Bucket, Completion, HOT, LedgerRow, PresaleSummary, Results, Totals, VoucherRow, series};

/// Says what does not hold.
pub(crate) type Verdict = Result<(), String>;

fn equal<T: Copy + PartialEq + std::fmt::Debug>(what: &str, left: T, right: T) -> Verdict {
    holds(&format!("{what}: {left:?} = {right:?}"), left == right)
}

fn holds(what: &str, condition: bool) -> Verdict {
    if condition { Ok(()) } else { Err(format!("{what} does not hold")) }
}

/// All laws.
pub(crate) fn all(plan: &Plan, results: &Results) -> Verdict {
    holds("conservation", results.summary.conservation.holds())?;
    money(results)?;
    presales(results)?;
    stock(plan, results)?;
    shares(plan, results)?;
    oversold(results)?;
    substituted(plan, results)?;
    hot_rows(plan, results)?;
    double_submits(results)?;
    hedges(plan, results)?;
    sessions(results)?;
    rows_add_up(results)?;
    services(plan, results)
}

fn sum(rows: &[LedgerRow], of: impl Fn(&LedgerRow) -> u64, which: impl Fn(Bucket) -> bool) -> u64 {
    rows.iter().filter(|row| which(row.bucket)).map(of).sum()
}

fn column(results: &Results, name: &str) -> u64 {
    results.series.integers(name).iter().map(|&value| value as u64).sum()
}

/// Every intent ends in one bucket, with its money to the last fen.
fn money(results: &Results) -> Verdict {
    let (total, ledger) = (&results.summary.total, &results.ledger);
    equal("money of the ledger and demand", sum(ledger, |row| row.money_fen, |_| true), total.demand_fen)?;
    equal("intents of the ledger and in all", sum(ledger, |row| row.intents, |_| true), total.intents)?;
    let bought = |bucket| bucket == Bucket::Bought;
    equal("money bought and paid", sum(ledger, |row| row.money_fen, bought), total.gmv_paid_fen)?;
    equal("intents bought and orders paid", sum(ledger, |row| row.intents, bought), total.orders_paid)?;
    equal("money lost", sum(ledger, |row| row.money_fen, Bucket::is_lost), total.lost_fen)?;
    holds("an order is paid at most once", total.orders_paid <= total.orders_created)?;
    holds("an order stems from an intent", total.orders_created <= total.intents)?;
    let has_presales = !results.summary.presales.is_empty();
    let oversells = results.summary.oversold.is_some();
    let substitutes = results.summary.substituted.is_some();
    let has_column = |bucket: &Bucket| *bucket != Bucket::Open && bucket.exists(has_presales, oversells, substitutes);
    for bucket in Bucket::ALL.into_iter().filter(has_column) {
        let entered = sum(ledger, |row| row.money_fen, |other| other == bucket);
        equal(bucket.name(), entered, column(results, &series::bucket(bucket)))?;
    }
    for row in ledger {
        let at_service = matches!(row.bucket, Bucket::Rejected | Bucket::TimedOut);
        // Who gave up may have waited for a service, or in a room.
        let names_one = !row.service.is_empty();
        holds("a failure at a service names it", at_service == names_one || names_one && row.bucket == Bucket::GaveUp)?;
        holds("a line has a unit at least", row.units >= row.intents)?;
    }
    Ok(())
}

/// What was taken instead is wanted like all else, and never dearer than it may be.
fn substituted(plan: &Plan, results: &Results) -> Verdict {
    let is_it = |bucket| bucket == Bucket::Substituted;
    let lines = sum(&results.ledger, |row| row.intents, is_it);
    let Some(of) = results.summary.substituted else { return equal("substituted without a rate", lines, 0) };
    equal("lines substituted", lines, of.lines)?;
    equal("units substituted", sum(&results.ledger, |row| row.units, is_it), of.units)?;
    equal("money substituted", sum(&results.ledger, |row| row.money_fen, is_it), of.fen)?;
    let all_are_limited = plan.segments.iter().all(|segment| segment.spend.is_some());
    let most = if all_are_limited { of.fen } else { of.fen + of.fen / 2 };
    holds("what was taken instead is not too dear", of.instead_fen <= most)?;
    holds("substitutes are wanted", of.fen + of.instead_fen <= results.summary.total.demand_fen)?;
    holds("a substitute is paid at most once", of.paid <= of.lines && of.gmv_paid_fen <= of.instead_fen)?;
    holds("substitutes paid are orders paid", of.paid <= results.summary.total.orders_paid)?;
    holds("their money is paid", of.gmv_paid_fen <= results.summary.total.gmv_paid_fen)?;
    for row in results.ledger.iter().filter(|row| is_it(row.bucket)) {
        let segment = plan.segments.iter().find(|segment| segment.name == row.segment);
        holds("only who may substitutes", segment.is_some_and(|segment| segment.substitution > 0.0))?;
        let window = plan.windows.iter().find(|window| window.name == row.window);
        holds("presales know no substitutes", window.is_some_and(|window| window.presale.is_none()))?;
    }
    Ok(())
}

/// What categories and channels brought is, in every row, what there is in it.
fn shares(plan: &Plan, results: &Results) -> Verdict {
    let integers = |name: &str| results.series.integers(name);
    let adds_up = |parts: &[String], whole: &str| {
        let sums = (0..integers(whole).len()).map(|row| parts.iter().map(|part| integers(part)[row]).sum::<i64>());
        holds(&format!("{parts:?} and {whole}"), parts.is_empty() || sums.eq(integers(whole).iter().copied()))
    };
    let categories = plan.catalogue.iter().flat_map(|catalogue| &catalogue.categories);
    let categories: Vec<String> = categories.map(|of| series::category(&of.name, "gmv_paid_fen")).collect();
    adds_up(&categories, series::GMV_PAID)?;
    let channels = |what| plan.channels.iter().map(|of| series::channel(&of.name, what)).collect::<Vec<_>>();
    adds_up(&channels("sessions_begun"), series::SESSIONS)?;
    adds_up(&channels("orders_created"), series::ORDERS)?;
    adds_up(&channels("orders_paid"), series::PAYMENTS)?;
    adds_up(&channels("gmv_paid_fen"), series::GMV_PAID)
}

/// Every deposit is completed, forfeited, or still open; and every fen is in one row.
fn presales(results: &Results) -> Verdict {
    let presales = &results.summary.presales;
    for presale in presales {
        let name = &presale.window;
        holds(&format!("{name}: deposits"), presale.balances + presale.forfeited <= presale.deposits)?;
        holds(&format!("{name}: deposits forfeited"), presale.forfeited_fen <= presale.deposits_fen)?;
        if results.summary.conservation.units_set_aside == 0 && results.summary.completion == Completion::Complete {
            equal(
                &format!("{name}: deposits and what became of them"),
                presale.balances + presale.forfeited,
                presale.deposits,
            )?;
            let completed = presale.gmv_paid_fen - presale.balances_fen;
            equal(&format!("{name}: money of deposits"), completed + presale.forfeited_fen, presale.deposits_fen)?;
        }
    }
    let sum = |of: fn(&PresaleSummary) -> u64| presales.iter().map(of).sum::<u64>();
    equal("deposits by row and in all", column(results, series::DEPOSITS), sum(|of| of.deposits))?;
    equal("money of deposits by row and in all", column(results, series::DEPOSITS_FEN), sum(|of| of.deposits_fen))?;
    equal("balances by row and in all", column(results, series::BALANCES), sum(|of| of.balances))?;
    equal("money of balances by row and in all", column(results, series::BALANCES_FEN), sum(|of| of.balances_fen))?;
    equal("money forfeited by row and in all", column(results, series::FORFEITED_FEN), sum(|of| of.forfeited_fen))?;
    let check = &results.summary.conservation;
    let came_in = check.units_start + check.units_restocked;
    equal("units", came_in, check.units_sold + check.units_held + check.units_set_aside + check.units_left)
}

/// What was oversold is told, stands in the ledger, and is no part of what was paid.
fn oversold(results: &Results) -> Verdict {
    let of_ledger = |of: fn(&LedgerRow) -> u64| sum(&results.ledger, of, |bucket| bucket == Bucket::Oversold);
    let told = results.summary.oversold.unwrap_or_default();
    equal("orders oversold", of_ledger(|row| row.intents), told.orders)?;
    equal("units oversold", of_ledger(|row| row.units), told.units)?;
    equal("money oversold", of_ledger(|row| row.money_fen), told.fen)?;
    holds("SKUs oversold", (told.skus > 0) == (told.orders > 0) && told.skus <= told.orders)
}

/// What was rejected at the row of its SKU is told, by product too, and stands in the ledger.
fn hot_rows(plan: &Plan, results: &Results) -> Verdict {
    let rows: Vec<&LedgerRow> = results.ledger.iter().filter(|row| row.service == HOT).collect();
    let told = results.summary.hot_rows.unwrap_or_default();
    holds("they are rejections", rows.iter().all(|row| row.bucket == Bucket::Rejected))?;
    holds("nothing is rejected without a limit", plan.inventory.hot.is_some() || rows.is_empty())?;
    let sum = |of: fn(&LedgerRow) -> u64| rows.iter().map(|row| of(row)).sum::<u64>();
    equal("requests rejected", sum(|row| row.intents), told.requests_rejected)?;
    equal("units rejected", sum(|row| row.units), told.units)?;
    equal("money rejected", sum(|row| row.money_fen), told.fen)?;
    // Products that are neither named nor ever paid for have no row.
    let by_product: u64 = results.products.iter().map(|product| product.requests_rejected).sum();
    holds("requests rejected by product", by_product <= told.requests_rejected)?;
    holds("SKUs rejected", (told.skus > 0) == (told.requests_rejected > 0) && told.skus <= told.requests_rejected)
}

/// Never oversold; and what is gone was paid, or is held.
fn stock(plan: &Plan, results: &Results) -> Verdict {
    let check = &results.summary.conservation;
    let sold: u64 = results.products.iter().map(|product| product.units_paid).sum();
    equal("units paid by product and in all", sold, check.units_sold)?;
    let bought = sum(&results.ledger, |row| row.units, |bucket| bucket == Bucket::Bought);
    equal("units paid by product and bought by the ledger", sold, bought)?;
    let paid: u64 = results.products.iter().map(|product| product.gmv_paid_fen).sum();
    equal("money paid by product and in all", paid, results.summary.total.gmv_paid_fen)?;
    // Duplicate orders hold stock, too, and do not count as ordered.
    let held_again = results.summary.double_submits.as_ref().map_or(0, |of| of.units);
    for product in &results.products {
        let name = &product.product;
        let came_in = product.units_start + product.units_restocked;
        holds(&format!("{name}: not oversold"), product.units_paid + product.units_left <= came_in)?;
        let kept = came_in - product.units_left;
        // What is set aside counts as ordered with its balance only.
        let is_ordered = !results.summary.presales.is_empty() || product.units_ordered + held_again >= kept;
        holds(&format!("{name}: what is kept was ordered"), is_ordered)?;
        let worth = product.units_paid * product.price_fen;
        holds(&format!("{name}: paid at its price, or less by a coupon"), product.gmv_paid_fen <= worth)?;
        if plan.coupon.is_none() {
            equal(name, product.gmv_paid_fen, worth)?;
        }
        if product.units_left == 0 && came_in > 0 {
            holds(&format!("{name}: sold out at some time"), product.sold_out_unix_ms.is_some())?;
        }
    }
    for voucher in &results.summary.vouchers {
        let of = |rows: &dyn Fn(&VoucherRow) -> u64| -> u64 {
            results.vouchers.iter().filter(|row| row.product == voucher.product).map(rows).sum()
        };
        let product = results.products.iter().find(|product| product.product == voucher.product);
        equal(
            &voucher.product,
            product.map(|product| (product.units_paid, product.gmv_paid_fen)),
            Some((voucher.sold, voucher.sold_fen)),
        )?;
        equal(&voucher.product, (of(&|row| row.units), of(&|row| row.money_fen)), (voucher.sold, voucher.sold_fen))?;
        equal(&voucher.product, of(&|row| row.later_units), voucher.redeemed_later)?;
        equal(&voucher.product, voucher.redeemed + voucher.redeemed_later + voucher.never_redeemed, voucher.sold)?;
    }
    let Some(catalogue) = &plan.catalogue else { return Ok(()) };
    let last = |name: String| results.series.integers(&name).last().copied().unwrap_or(0) as u64;
    let left: u64 = catalogue.categories.iter().map(|c| last(series::category(&c.name, "units_left"))).sum();
    equal("units left by category and in all", left, check.units_left)?;
    let sold_out: u64 = catalogue.categories.iter().map(|c| last(series::category(&c.name, "skus_sold_out"))).sum();
    equal("SKUs sold out by category and in all", sold_out, results.summary.skus_sold_out)?;
    for product in &catalogue.products {
        let row = results.products.iter().find(|row| row.product == product.name);
        let row = row.ok_or_else(|| format!("{} has no row", product.name))?;
        equal(&product.name, last(series::product_left(&product.name)), row.units_left)?;
        let came_in = row.units_start + row.units_restocked;
        if let Some(supply) = &catalogue.supply {
            let on_top = supply.of_product.iter().flatten().flatten().next().is_some();
            let is_complete = results.summary.completion == Completion::Complete;
            let all = u64::from(product.stock);
            holds(&format!("{}: stock", product.name), if is_complete { came_in >= all } else { true })?;
            holds(&format!("{}: stock and no more", product.name), on_top || came_in <= all)?;
        } else {
            equal(&product.name, u64::from(product.stock), row.units_start)?;
            equal(&product.name, 0, row.units_restocked)?;
        }
    }
    Ok(())
}

/// Every second submit is caught, does again what the page does, or fails.
fn double_submits(results: &Results) -> Verdict {
    let Some(double) = &results.summary.double_submits else { return Ok(()) };
    holds("a submit is caught once", double.caught <= double.submits)?;
    holds("a line has a unit at least", double.units >= double.orders)?;
    let lines = u64::from(MAX_LINES) * (double.submits - double.caught);
    holds("what is caught does nothing", double.orders + double.paid_again <= lines)
}

/// A second copy is a request, and answers a call at most.
fn hedges(plan: &Plan, results: &Results) -> Verdict {
    let hedged = plan.services.iter().filter(|service| service.hedge.is_some()).count();
    equal("hedged services", hedged, results.summary.hedges.len())?;
    for of in &results.summary.hedges {
        let rows = || results.services.iter().filter(|row| row.service == of.service);
        let requests: u64 = rows().map(|row| row.requests).sum();
        holds("a second copy is answered once", of.won <= of.sent.min(of.answered))?;
        holds("calls and second copies are requests", of.answered - of.won + of.sent <= requests)?;
        let percentiles = [of.response_us_p50, of.response_us_p90, of.response_us_p99, of.response_us_p999];
        holds("percentiles of hedged calls rise", percentiles.is_sorted())?;
    }
    Ok(())
}

fn sessions(results: &Results) -> Verdict {
    let check = &results.summary.conservation;
    equal("sessions", check.sessions_begun, check.sessions_ended + check.sessions_in_flight)?;
    equal("sessions begun by row and in all", column(results, series::SESSIONS), check.sessions_begun)?;
    let last = results.series.integers(series::IN_FLIGHT).last().map_or(0, |&n| n as u64);
    equal("sessions in flight in the last row and at the end", last, check.sessions_in_flight)?;
    holds("a shopper comes to a window once", {
        let pays_balances = |name: &str| results.summary.presales.iter().any(|presale| presale.balances_in == name);
        let most = |name: &str| results.summary.shoppers * (1 + u64::from(pays_balances(name)));
        results.summary.windows.iter().all(|window| window.total.sessions <= most(&window.name))
    })
}

fn rows_add_up(results: &Results) -> Verdict {
    let total = &results.summary.total;
    equal("orders", column(results, series::ORDERS), total.orders_created)?;
    equal("payments", column(results, series::PAYMENTS), total.orders_paid)?;
    equal("GMV ordered", column(results, series::GMV_ORDERED), total.gmv_ordered_fen)?;
    equal("GMV paid", column(results, series::GMV_PAID), total.gmv_paid_fen)?;
    let windows = results.summary.windows.iter().map(|window| &window.total);
    let mut sum = Totals::default();
    for window in windows {
        sum.sessions += window.sessions;
        sum.sessions_turned_away += window.sessions_turned_away;
        sum.intents += window.intents;
        sum.orders_created += window.orders_created;
        sum.orders_paid += window.orders_paid;
        sum.demand_fen += window.demand_fen;
        sum.gmv_ordered_fen += window.gmv_ordered_fen;
        sum.gmv_paid_fen += window.gmv_paid_fen;
        sum.lost_fen += window.lost_fen;
    }
    equal("windows and in all", &sum, total)
}

fn services(plan: &Plan, results: &Results) -> Verdict {
    for service in &plan.services {
        let name = &service.name;
        let (failed, requests) = results
            .services
            .iter()
            .filter(|row| row.service == *name)
            .fold((0, 0), |sum, row| (sum.0 + row.rejected + row.timed_out, sum.1 + row.requests));
        holds(&format!("{name}: a request fails at most once"), failed <= requests)?;
        let rows = || results.services.iter().filter(|row| row.service == *name);
        for (what, of) in [
            ("requests", rows().map(|row| row.requests).sum::<u64>()),
            ("rejected", rows().map(|row| row.rejected).sum()),
            ("limited", rows().map(|row| row.limited).sum()),
            ("timed_out", rows().map(|row| row.timed_out).sum()),
            ("cancelled", rows().map(|row| row.cancelled).sum()),
        ] {
            equal(&format!("{name} {what}"), column(results, &series::service(name, what)), of)?;
        }
        let ended: u64 = rows().map(|row| row.rejected + row.cancelled).sum();
        holds(&format!("{name}: a request ends at most once"), ended <= requests)?;
        for row in rows() {
            // At a desk, a request may fail in a later window than it was made in.
            let is_plain = service.desk.is_none();
            holds(&format!("{name}: answers"), !is_plain || row.rejected + row.timed_out <= row.requests)?;
            holds(&format!("{name}: limited"), row.limited <= row.rejected)?;
            holds(&format!("{name}: cancelled at a station"), !is_plain || row.cancelled == 0)?;
            if !service.protection.is_some() {
                equal(&format!("{name}: limited without protection"), row.limited, 0)?;
            }
            holds(&format!("{name}: utilisation"), (0.0..=1.0 + 1e-9).contains(&row.utilisation_max))?;
            if let Some(pool) = &service.pool {
                equal(name, row.workers, pool.instances * u64::from(pool.workers))?;
                let instances = match service.capacity() {
                    // Dealt out anew, they may be one more in any cell.
                    Some(capacity) => capacity.most(pool.instances) + u64::from(plan.cells),
                    None => pool.instances,
                };
                let places = pool.queue.map_or(u64::MAX, |queue| queue * instances);
                holds(&format!("{name}: places"), row.queue_max <= places)?;
            }
            let drops = |desk: &Desk| desk.max_wait.is_some() || desk.controlled_delay.is_some();
            let has_bound = service.pool.as_ref().is_some_and(|pool| pool.queue.is_some());
            let goes_wrong =
                service.capacity().is_some_and(|capacity| !capacity.incidents.is_empty() || !capacity.cells.is_empty());
            // A service that calls others fails with them.
            let fails = goes_wrong || !service.calls.is_empty();
            if !has_bound && !fails && !service.desk.as_ref().is_some_and(drops) {
                equal(&format!("{name}: rejections without a bound"), row.rejected, row.limited)?;
            }
            let is_patient = plan.segments.iter().all(|segment| segment.patience.is_none());
            let waits = plan.cbmgs.iter().flat_map(|cbmg| &cbmg.states).all(|state| state.timeout.is_none());
            if service.timeout.is_none() && is_patient && waits {
                equal(&format!("{name}: time-outs without a time-out"), row.timed_out, 0)?;
            }
        }
    }
    Ok(())
}
