//! The bundled festival at another size: shoppers, goods, stock, livestreams and servers scaled along.

use saleload::plan::{Plan, Pool, Shows};

/// What makes a festival one of so many shoppers. The stock of generated products follows the demand by itself.
pub(crate) fn overrides(whole: &Plan, shoppers: u64) -> Vec<String> {
    let scale = |count: u64| (u128::from(count) * u128::from(shoppers)).div_ceil(u128::from(whole.shoppers)) as u64;
    let mut overrides = vec![format!("population.shoppers={shoppers}")];
    if let Some(catalogue) = &whole.catalogue {
        overrides.push(format!("catalogue.skus={}", scale(catalogue.skus)));
        overrides.push(format!("catalogue.brands={}", scale(catalogue.brands)));
        let listed = catalogue.supply.as_ref().and_then(|supply| supply.listed.as_ref());
        for (id, shares) in listed.iter().flat_map(|listed| listed.windows(2).enumerate()) {
            let new = ((shares[1] - shares[0]) * catalogue.skus as f64).round() as u64;
            if new > 0 {
                overrides.push(format!("window.{}.new_skus={}", whole.windows[id + 1].name, scale(new)));
            }
        }
        let stocks = catalogue.products.iter();
        overrides.extend(stocks.map(|p| format!("product.\"{}\".stock={}", p.name, scale(u64::from(p.stock)))));
    }
    for livestream in &whole.livestreams {
        let Shows::Rooms(rooms) = &livestream.shows else { continue };
        let of = format!("livestream.{}.shows.rooms", livestream.name);
        overrides.push(format!("{of}.rooms={}", scale(rooms.rooms)));
        overrides.push(format!("{of}.products={}", scale(rooms.products)));
    }
    for service in &whole.services {
        let Some(pool) = &service.pool else { continue };
        let Pool { instances, workers, queue } = servers(pool, u64::from(whole.cells), scale);
        let name = &service.name;
        overrides.push(format!("service.{name}.instances={instances}"));
        overrides.push(format!("service.{name}.workers={workers}"));
        overrides.extend(queue.map(|queue| format!("service.{name}.queue={queue}")));
    }
    overrides
}

/// Fewer instances, the same number in every cell. Where less than one a cell would do, there is one, with fewer workers and
/// waiting places.
fn servers(pool: &Pool, cells: u64, scale: impl Fn(u64) -> u64) -> Pool {
    let instances = scale(pool.instances);
    if instances >= cells {
        return Pool { instances: instances.next_multiple_of(cells), ..pool.clone() };
    }
    let workers = scale(pool.instances * u64::from(pool.workers)).div_ceil(cells) as u32;
    let queue = pool.queue.map(|places| scale(pool.instances * places).div_ceil(cells));
    Pool { instances: cells, workers, queue }
}
