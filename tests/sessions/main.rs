//! `/sessions` and what follows from it, end to end: the real bot, real PostgreSQL servers, a simulated Discord.

mod completing;
mod crowd;
mod pages;
mod pictures;
mod pressing;
mod proxy;
mod refusing;
mod requests;
mod scene;
mod several;
mod under_load;
