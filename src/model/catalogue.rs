//! The catalogue compiled: which SKU a basket line picks, what it costs, how much of it there is.
//!
//! SKUs are numbered densely: named products first, then each category's generated SKUs by rank of popularity, so that what
//! is wanted most lies together in memory. Price, stock and brand of a generated SKU are draws named by the SKU, never stored
//! here.
//!
//! # Sampled catalogues
//!
//! A run that simulates k of n cells sees k/n of every SKU's demand. Scaling a stock of 30 units by 1/64 would leave most of
//! the long tail with no unit at all and half of its demand unmet, so only the head of each category, whose SKUs sell many
//! units even in the sample, keeps all of them with k/n of their stock. In the tail, n/k neighbours in rank (alike in demand) are stood for by one of them, drawn at random,
//! that keeps its whole stock and meets the demand of all: as much as it would have met alone in the full run.
//!
//! Where each cell sells from its own part of the stock, that would be as if cells helped each other out: ten units of a SKU lie in ten
//! of 64 cells, and the others have none. There every SKU is kept with k/n of its stock, rounded at random, for the demand of k cells.

use super::expectation::ExpectedUnits;
use super::popularity::RankSampler;
use super::sampler::{Choice, CountSampler, MoneySampler};
use crate::plan::{self, Restock, StockDistribution, Supply};
use crate::rng::{Draws, Name, Purpose, Stream};
use rand_distr::{Distribution, StandardNormal};

/// A sampled catalogue keeps SKUs one by one, with a share of their stock, down to this many units of expected demand in the
/// sample: enough that chance hardly matters to whether they sell out.
const HEAD_UNITS: f64 = 30.0;
/// Bounds on how many are kept one by one, in blocks of the sampling ratio: neighbours in rank are alike only past the first
/// few blocks, and past many a sample would no longer be small.
const HEAD_BLOCKS: (u64, u64) = (10, 100);

/// Most units of a SKU in all.
const MOST_UNITS: u32 = 4_000_000_000;

/// A dense SKU number of this run.
pub type Sku = u32;

/// How a catalogue is sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Share of the platform that is simulated.
    pub fraction: f64,
    /// Whether every SKU is kept one by one.
    pub keeps_all: bool,
}

/// The catalogue of a run.
#[derive(Clone, Debug)]
pub struct Catalogue {
    draws: Draws,
    /// Named products: SKUs 0 .. len.
    products: Vec<Product>,
    categories: Vec<Category>,
    /// First SKU of each category, in a cache line of their own.
    firsts: Vec<Sku>,
    named_brands: Vec<plan::Brand>,
    /// When stock comes in; `None`: all of it is there from the first window on.
    supply: Option<Supply>,
    /// Which generated SKUs are listed from when on; `None`: all from the first window on.
    listing: Option<Listing>,
    /// Share of the platform that is simulated.
    fraction: f64,
    skus: Sku,
}

#[derive(Clone, Debug)]
struct Product {
    category: usize,
    brand: Option<usize>,
    price: u64,
    stock: u32,
    units: Option<CountSampler>,
}

#[derive(Clone, Debug)]
struct Category {
    /// First SKU of this run, and number of SKUs of this run.
    first: Sku,
    skus: u32,
    /// First SKU and number of SKUs of the full catalogue: the names under which draws are made.
    full_first: u64,
    full: u64,
    /// Ranks kept one by one; beyond them, ranks per SKU of this run.
    head: u64,
    block: u64,
    ranks: RankSampler,
    /// Named products of the category and the share of lines that chooses each; the last alternative is a generated SKU.
    named: Vec<Sku>,
    named_choice: Choice,
    price: MoneySampler,
    stock: StockDistribution,
    /// Units that generated SKUs are expected to be asked for, and where some are listed late, the share of each window.
    expected_units: f64,
    by_window: Vec<f64>,
    listing: Option<Listing>,
    /// Named brands of the category; the last alternative is a generated brand.
    brands: Vec<usize>,
    brand_choice: Choice,
    generated_brands_first: u64,
    generated_brands: RankSampler,
}

impl Catalogue {
    /// Compiles a plan's catalogue for a run of the whole platform or a sample; merchants expect so many units of each category.
    #[must_use]
    pub fn new(seed: u64, catalogue: &plan::Catalogue, sampling: Sampling, expected: &ExpectedUnits) -> Self {
        let mut first = catalogue.products.len() as u64;
        let mut full_first = 0;
        let mut brands_first = catalogue.named_brands.len() as u64;
        let categories: Vec<Category> = (0..catalogue.categories.len())
            .map(|id| {
                let by_window = expected.by_window.get(id).cloned().unwrap_or_default();
                let expected = (expected.of_category[id], by_window);
                let compiled = Category::new(catalogue, id, [first, full_first, brands_first], sampling, expected);
                first += u64::from(compiled.skus);
                full_first += compiled.full;
                brands_first += compiled.generated_brands.ranks();
                compiled
            })
            .collect();
        let products = catalogue.products.iter().map(Product::new).collect();
        Catalogue {
            draws: Draws::new(seed),
            products,
            firsts: categories.iter().map(|category| category.first).collect(),
            categories,
            named_brands: catalogue.named_brands.clone(),
            supply: catalogue.supply.clone(),
            listing: Listing::new(catalogue),
            fraction: sampling.fraction,
            skus: first as Sku,
        }
    }

    /// SKUs of this run.
    #[must_use]
    pub fn skus(&self) -> Sku {
        self.skus
    }

    /// Number of categories.
    #[must_use]
    pub fn categories(&self) -> usize {
        self.categories.len()
    }

    /// Number of named products, which are the first SKUs.
    #[must_use]
    pub fn named_products(&self) -> usize {
        self.products.len()
    }

    /// Brands, named ones first.
    #[must_use]
    pub fn brands(&self) -> usize {
        self.categories.iter().map(|c| c.generated_brands.ranks()).sum::<u64>() as usize + self.named_brands.len()
    }

    /// Category and, where it is a named one, name of a brand.
    #[must_use]
    pub fn brand(&self, brand: usize) -> (usize, Option<&str>) {
        if let Some(named) = self.named_brands.get(brand) {
            return (named.category, Some(&named.name));
        }
        let after = self.categories.partition_point(|c| c.generated_brands_first <= brand as u64);
        (after - 1, None)
    }

    /// The category of a SKU.
    #[must_use]
    #[inline]
    pub fn category_of(&self, sku: Sku) -> usize {
        match self.products.get(sku as usize) {
            Some(product) => product.category,
            None => self.firsts.iter().map(|&first| usize::from(first <= sku)).sum::<usize>() - 1,
        }
    }

    /// SKUs of the full catalogue that this one stands for.
    #[must_use]
    pub fn weight(&self, sku: Sku) -> u64 {
        match self.generated(sku) {
            Some((category, index)) => category.members(index),
            None => 1,
        }
    }

    /// The number of a generated SKU in the full catalogue; `None` for a named product.
    #[must_use]
    pub fn full_number(&self, sku: Sku) -> Option<u64> {
        self.generated(sku).map(|(category, index)| category.full_first + self.original_rank(category, index))
    }

    /// The brand of a SKU; `None` for a named product without one.
    #[must_use]
    pub fn brand_of(&self, sku: Sku) -> Option<usize> {
        let Some((category, index)) = self.generated(sku) else { return self.products[sku as usize].brand };
        let mut stream = self.stream(category.full_first + self.original_rank(category, index), Purpose::Brand);
        let choice = category.brand_choice.pick(stream.unit());
        Some(match category.brands.get(choice) {
            Some(&named) => named,
            None => (category.generated_brands_first + category.generated_brands.rank(stream.unit())) as usize,
        })
    }

    /// Price of a unit of a SKU, fen.
    #[must_use]
    pub fn price(&self, sku: Sku) -> u32 {
        let Some((category, index)) = self.generated(sku) else { return self.products[sku as usize].price as u32 };
        let number = category.full_first + self.original_rank(category, index);
        let price = category.price.draw(&mut self.stream(number, Purpose::Price));
        // The plan keeps the quantiles of a price below 4 * 10^9 fen; a draw beyond is cut there.
        price.min(4_000_000_000) as u32
    }

    /// Units of a SKU in stock in this run, over all windows; what is laid in on top does not count.
    #[must_use]
    pub fn stock(&self, sku: Sku) -> u32 {
        let Some((category, index)) = self.generated(sku) else {
            let product = &self.products[sku as usize];
            return self.round(f64::from(product.stock) * self.fraction, number_of_named(sku));
        };
        let rank = self.original_rank(category, index);
        let number = category.full_first + rank;
        let whole = category.stock_of((rank, index), &mut self.stream(number, Purpose::Stock));
        self.round(whole * category.members(index) as f64 * self.fraction, number)
    }

    /// Whether stock comes in later than at the start.
    #[must_use]
    pub fn is_supplied(&self) -> bool {
        self.supply.is_some()
    }

    /// Whether a SKU is listed while a window is the last that has opened.
    #[must_use]
    pub fn is_listed(&self, sku: Sku, window: usize) -> bool {
        match (&self.listing, self.generated(sku)) {
            (Some(listing), Some((_, index))) => listing.has(index, window),
            _ => true,
        }
    }

    /// The SKU that somebody looks at in a window who would look at this one: the next more popular that is listed.
    #[must_use]
    #[inline]
    pub fn listed(&self, sku: Sku, window: usize) -> Sku {
        match &self.listing {
            None => sku,
            Some(listing) => self.listed_instead(listing, sku, window),
        }
    }

    fn listed_instead(&self, listing: &Listing, sku: Sku, window: usize) -> Sku {
        let Some((category, index)) = self.generated(sku) else { return sku };
        let listed = (0..=index).rev().find(|&index| listing.has(index, window));
        category.first + listed.unwrap_or(0)
    }

    /// Units of a SKU on sale from the first opening on.
    #[must_use]
    pub fn stock_at_start(&self, sku: Sku) -> u32 {
        let whole = self.stock(sku);
        match &self.supply {
            Some(_) if !self.is_listed(sku, 0) => 0,
            Some(supply) => on_sale(whole, supply.on_sale[0], self.supply_draw(sku, 0)),
            None => whole,
        }
    }

    /// Units of a SKU that come on sale when a window opens, later than the first: `left` is what nobody holds by then, and `so_far`
    /// all that there were.
    #[must_use]
    pub fn laid_in(&self, sku: Sku, window: usize, left: u32, so_far: u32) -> u32 {
        let Some(supply) = &self.supply else { return 0 };
        let whole = self.stock(sku);
        let (least, most) = self.laid_in_at_least_and_most(supply, (sku, whole), window);
        // Where they differ, the most is the level up to which units are laid in.
        let units = if least < most { most.saturating_sub(left).max(least) } else { most };
        units.min(MOST_UNITS.saturating_sub(so_far))
    }

    /// Whether so many units of a SKU may have come in by when so many windows had opened, beyond those at the start.
    #[must_use]
    pub fn can_have_come_in(&self, sku: Sku, opened: usize, units: u32) -> bool {
        let Some(supply) = &self.supply else { return units == 0 };
        let (room, whole) = (MOST_UNITS - self.stock_at_start(sku), self.stock(sku));
        let bounds = (1..opened).map(|window| self.laid_in_at_least_and_most(supply, (sku, whole), window));
        let (least, most) =
            bounds.fold((0u32, 0u32), |sum, of| (sum.0.saturating_add(of.0), sum.1.saturating_add(of.1)));
        (least.min(room)..=most.min(room)).contains(&units)
    }

    /// What comes in when a window opens whatever is left by then, and the most that can be.
    fn laid_in_at_least_and_most(&self, supply: &Supply, (sku, whole): (Sku, u32), window: usize) -> (u32, u32) {
        let now = supply.on_sale[window];
        let is_new = !self.is_listed(sku, window - 1);
        if is_new && !self.is_listed(sku, window) {
            return (0, 0);
        }
        let before = if is_new { 0.0 } else { supply.on_sale[window - 1] };
        let u = if before < now { self.supply_draw(sku, 0) } else { 0.0 };
        let withheld = on_sale(whole, now, u) - on_sale(whole, before, u);
        let extra = |times: f64| {
            let units = (f64::from(whole) * times + self.supply_draw(sku, window as u16)) as u64;
            units.min(u64::from(MOST_UNITS)) as u32
        };
        match self.restock_of(supply, sku, window).filter(|_| !is_new) {
            Some(Restock::Share(times)) => [withheld.saturating_add(extra(times)); 2].into(),
            Some(Restock::UpTo(times)) => (withheld, withheld.max(extra(times))),
            None => (withheld, withheld),
        }
    }

    fn restock_of(&self, supply: &Supply, sku: Sku, window: usize) -> Option<Restock> {
        let own = supply.of_product.get(sku as usize);
        own.unwrap_or_else(|| &supply.of_category[self.category_of(sku)])[window]
    }

    /// The number on [0, 1) by which units of a SKU are rounded that do not come out even; `item` is the window whose restock it is, or
    /// zero for what windows share.
    #[must_use]
    pub fn supply_draw(&self, sku: Sku, item: u16) -> f64 {
        let subject = self.full_number(sku).unwrap_or_else(|| number_of_named(sku));
        self.draws.stream(Name { subject, session: 0, visit: 0, purpose: Purpose::Supply, item }).unit()
    }

    /// The SKU that a line of this category picks, by two uniform draws.
    #[must_use]
    #[inline]
    pub fn pick(&self, category: usize, u_named: f64, u_rank: f64) -> Sku {
        let category = &self.categories[category];
        if !category.named.is_empty() {
            let choice = category.named_choice.pick(u_named);
            if let Some(&sku) = category.named.get(choice) {
                return sku;
            }
        }
        category.first + category.index_of(category.ranks.rank(u_rank))
    }

    /// The SKU that stands for a rank of a category's generated SKUs.
    #[must_use]
    pub fn of_rank(&self, category: usize, rank: u64) -> Sku {
        let category = &self.categories[category];
        category.first + category.index_of(rank)
    }

    /// Units of a line that chooses this SKU, where the product says so itself.
    #[must_use]
    #[inline]
    pub fn units_of(&self, sku: Sku) -> Option<&CountSampler> {
        self.products.get(sku as usize).and_then(|p| p.units.as_ref())
    }

    fn generated(&self, sku: Sku) -> Option<(&Category, u32)> {
        if (sku as usize) < self.products.len() {
            return None;
        }
        let category = &self.categories[self.category_of(sku)];
        Some((category, sku - category.first))
    }

    fn original_rank(&self, category: &Category, index: u32) -> u64 {
        let base = category.base_rank(index);
        let members = category.members(index);
        if members == 1 {
            return base;
        }
        base + self.stream(category.full_first + base, Purpose::Rounding).bits64() % members
    }

    /// Rounds at random, without bias, and never rounds what is whole.
    fn round(&self, units: f64, number: u64) -> u32 {
        let up = self.stream(number, Purpose::Rounding).unit() < units.fract();
        (units as u64 + u64::from(up)).min(u64::from(MOST_UNITS)) as u32
    }

    fn stream(&self, subject: u64, purpose: Purpose) -> Stream {
        self.draws.stream(Name { subject, session: 0, visit: 0, purpose, item: 0 })
    }
}

/// The number under which draws for a named product are made.
fn number_of_named(sku: Sku) -> u64 {
    u64::from(sku) | 1 << 39
}

/// Units of `whole` that are on sale once a share of them has come in. Under one `u` for all shares this is systematic sampling: parts
/// between growing shares add up to the whole, and each has the units of its share on average over `u`.
fn on_sale(whole: u32, share: f64, u: f64) -> u32 {
    if share >= 1.0 { whole } else { ((f64::from(whole) * share + u) as u32).min(whole) }
}

/// Which SKUs of a category are listed from when on, by their place in it: spread over all of them by the fractional parts of multiples
/// of the golden section, of which any first few are spread evenly (Knuth, The Art of Computer Programming, volume 3, 6.4). The first of
/// a category, whose part is zero, always is.
#[derive(Clone, Debug)]
struct Listing {
    /// Parts in 2^64ths up to which SKUs are listed, by window.
    until: Vec<u64>,
}

impl Listing {
    fn new(catalogue: &plan::Catalogue) -> Option<Self> {
        let listed = catalogue.supply.as_ref()?.listed.as_ref()?;
        // A share of one is all of them: numbers past the range are cut off at its end.
        Some(Listing { until: listed.iter().map(|share| (share * 2.0f64.powi(64)) as u64).collect() })
    }

    fn has(&self, index: u32, window: usize) -> bool {
        u64::from(index).wrapping_mul(0x9E37_79B9_7F4A_7C15) <= self.until[window]
    }
}

impl Product {
    fn new(product: &plan::Product) -> Self {
        Product {
            category: product.category,
            brand: product.brand,
            price: product.price.0,
            stock: product.stock,
            units: product.units.as_ref().map(CountSampler::new),
        }
    }
}

/// Ranks of a category that a sample keeps one by one, given the units that the sample expects of the category.
fn head(ranks: &RankSampler, units: f64, block: u64) -> u64 {
    let (mut enough, mut too_few) = (0, ranks.ranks());
    while enough < too_few {
        let middle = u64::midpoint(enough, too_few);
        if units * ranks.probability(middle) >= HEAD_UNITS {
            enough = middle + 1;
        } else {
            too_few = middle;
        }
    }
    enough.clamp(HEAD_BLOCKS.0 * block, HEAD_BLOCKS.1 * block)
}

impl Category {
    fn new(
        catalogue: &plan::Catalogue,
        id: usize,
        firsts: [u64; 3],
        Sampling { fraction, keeps_all }: Sampling,
        (expected_units, by_window): (f64, Vec<f64>),
    ) -> Self {
        let category = &catalogue.categories[id];
        let [first, full_first, generated_brands_first] = firsts;
        let full = category.skus;
        let block = (1.0 / fraction).round() as u64;
        let ranks = RankSampler::new(&catalogue.popularity, full.max(1));
        let is_whole = block == 1 || keeps_all;
        let head = if is_whole { full } else { head(&ranks, expected_units * fraction, block).min(full) };
        let skus = head + (full - head).div_ceil(block);
        let in_category = |of: usize| of == id;
        let (named, mut shares): (Vec<Sku>, Vec<f64>) = catalogue
            .products
            .iter()
            .zip(0..)
            .filter(|(p, _)| in_category(p.category))
            .map(|(p, sku)| (sku, p.demand))
            .unzip();
        // A category without generated SKUs has its named products only.
        let generated_share = if full == 0 { 0.0 } else { (1.0 - shares.iter().sum::<f64>()).max(0.0) };
        shares.push(generated_share);
        let (brands, mut brand_shares): (Vec<usize>, Vec<f64>) = catalogue
            .named_brands
            .iter()
            .enumerate()
            .filter(|(_, b)| in_category(b.category))
            .map(|(index, b)| (index, b.share))
            .unzip();
        brand_shares.push((1.0 - brand_shares.iter().sum::<f64>()).max(0.0));
        let brand_count = (catalogue.brands as f64 * full as f64 / catalogue.skus as f64).round() as u64;
        let brand_law = plan::Popularity { head: catalogue.brand_exponent, tail: catalogue.brand_exponent, knee: 0.0 };
        Category {
            first: first as Sku,
            skus: skus as u32,
            full_first,
            full,
            head,
            block,
            ranks,
            named,
            named_choice: Choice::new(&shares),
            price: MoneySampler::new(&category.price),
            stock: category.stock.clone(),
            expected_units: expected_units * generated_share,
            by_window,
            listing: Listing::new(catalogue),
            brands,
            brand_choice: Choice::new(&brand_shares),
            generated_brands_first,
            generated_brands: RankSampler::new(&brand_law, brand_count.max(1)),
        }
    }

    #[inline]
    fn index_of(&self, rank: u64) -> u32 {
        if rank < self.head { rank as u32 } else { (self.head + (rank - self.head) / self.block) as u32 }
    }

    /// First rank that a SKU of this run stands for.
    fn base_rank(&self, index: u32) -> u64 {
        let index = u64::from(index);
        if index < self.head { index } else { self.head + (index - self.head) * self.block }
    }

    /// Ranks that a SKU of this run stands for.
    fn members(&self, index: u32) -> u64 {
        if u64::from(index) < self.head { 1 } else { self.block.min(self.full - self.base_rank(index)) }
    }

    /// Share of the demand for generated SKUs that is for the one of a rank, over all windows. While it is not listed there is none;
    /// while those behind it are not, theirs is for it too.
    fn share_of_demand(&self, rank: u64, index: u32) -> f64 {
        let own = self.ranks.probability(rank);
        let Some(listing) = &self.listing else { return own };
        let of_members = |index: u32| self.ranks.probability(self.base_rank(index)) * self.members(index) as f64;
        let in_window = |window: usize| {
            if !listing.has(index, window) {
                return 0.0;
            }
            let behind = (index + 1..self.skus).take_while(|&index| !listing.has(index, window));
            own + behind.map(of_members).sum::<f64>() / self.members(index) as f64
        };
        self.by_window.iter().enumerate().map(|(window, share)| share * in_window(window)).sum()
    }

    /// Stock of the SKU of a rank in the full catalogue, units.
    fn stock_of(&self, (rank, index): (u64, u32), stream: &mut Stream) -> f64 {
        let lognormal = |mu: &f64, sigma: &f64, stream: &mut Stream| {
            let z: f64 = StandardNormal.sample(stream);
            (mu + sigma * z).exp()
        };
        match &self.stock {
            StockDistribution::Constant(units) => f64::from(*units),
            StockDistribution::Lognormal { mu, sigma } => lognormal(mu, sigma, stream).round(),
            StockDistribution::Cover { mu, sigma, at_least } => {
                let expected = self.expected_units * self.share_of_demand(rank, index);
                (expected * lognormal(mu, sigma, stream)).round().max(f64::from(*at_least))
            }
        }
    }
}
