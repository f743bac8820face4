//! Seasons: what returns every year, where it stands now, and when it is expected to begin next.
//!
//! A *season* of a series is what its own past says: a yearly profile that stands out of the noise between years
//! ([`Yearly`]), with a threshold that is frozen in the quiet time before, as the moving epidemic method does (Vega et
//! al. 2013, *Influenza and Other Respiratory Viruses* 7(4)). It begins with the first of two weeks above the threshold
//! and ends with the first of two weeks below ([`episodes()`]), which keeps one loud week from being a season (Bowman et
//! al. 2016, *PLoS ONE* 11(6): e0157971). The forecast's weeks, each with its own error and one error common to all of
//! them ([`Ahead`]), give the probability that the coming season begins in each week, pooled with the dates of past years ([`Onset`]). What a
//! calendar says of a season all year round is a [`Return`]; a part of the city without a clear season of its own borrows
//! the city's dates and has its share of the tickets ([`Part`]).
//!
//! | file | what it holds |
//! |---|---|
//! | `weekly` | daily counts as sums of calendar weeks |
//! | `episodes` | two in, two out |
//! | `profile` | whether a series has a yearly season, its threshold, its past onsets |
//! | `ahead` | the distribution of a coming week |
//! | `usual` | the distribution by past dates, and its pool with the forecast's |
//! | `onset` | the distribution of the onset, the peak, early or late |
//! | `returns` | a season all year round: under way or to come, its end, the quiet weeks before |
//! | `part` | what a part of the city has of the city's season |
mod ahead;
mod episodes;
mod onset;
mod part;
mod profile;
mod returns;
mod usual;
mod weekly;

pub use ahead::{Ahead, Spread};
pub use episodes::{Episode, episodes};
pub use onset::{Arrival, NEAR_WEEKS, Onset, Outlook, Timing, following, outlook, outlook_by};
pub use part::Part;
pub use profile::{Past, YEAR, Yearly};
pub use returns::{Return, Standing};
pub use usual::{FORECAST_WEIGHT, Usual, pool};
pub use weekly::{WEEK, Weekly};
