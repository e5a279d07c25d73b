//! Measures the gateway against hand-written programs that do the same work, in one run on one machine.
//! `bench/README.md` says what is compared and why; `bench/run` does it all.

mod arguments;
mod compare;
mod customers;
mod floor;
mod gateway;
mod load;
mod mapping_page;
mod pages;
mod processes;
mod report;
mod transform;
mod upstream;

use std::process::ExitCode;

use crate::arguments::Arguments;

const USAGE: &str = "\
usage: bench COMMAND [OPTION…]

  mapping   a page of records, bytes in and mapped bytes out, against hand-written transforms
              --rounds N (15)  --provider NAME (salesforce)  --jsonata-js FOLDER (where npm installed jsonata)
  upstream  the provider that answers fixed pages: token, describe, query, pages of any number of records
              --bind ADDRESS  --provider NAME (salesforce)
  floor     axum and hyper-util: proxies, or transforms by hand
              --bind ADDRESS  --upstream URL
  load      a closed loop of requests
              --url URL  --requests N (10000)  --connections N (16)  --header 'Name: value'…  --pid PID…
  customers many connections, some with overrides of their own: memory and latency
              --gateway PROGRAM  --connections N (10000)  --overrides N (1000)  --provider NAME (salesforce)
              --postgres-url URL  --redis-url URL
  compare   starts everything and prints every ratio of bench/README.md
              --gateway PROGRAM  --nginx PROGRAM (nginx)  --rounds N (5)  --scale PERCENT (100)
              --provider NAME (salesforce)  --jsonata-js FOLDER  --postgres-url URL  --postgres-log FILE
              --redis-url URL  --write FILE
";

/// The gateway uses it: the transforms written by hand get the same allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let outcome = match command.as_str() {
        "mapping" => Arguments::parse(words, &["rounds", "provider", "jsonata-js"])
            .and_then(|arguments| mapping_page::run(&arguments)),
        "upstream" => Arguments::parse(words, &["bind", "provider"])
            .and_then(|arguments| block_on(upstream::run(&arguments))),
        "floor" => Arguments::parse(words, &["bind", "upstream"])
            .and_then(|arguments| block_on(floor::run(&arguments))),
        "load" => Arguments::parse(words, &["url", "requests", "connections", "header", "pid"])
            .and_then(|arguments| block_on(load::run(&arguments))),
        "customers" => Arguments::parse(words, customers::OPTIONS)
            .and_then(|arguments| block_on(customers::run(&arguments))),
        "compare" => {
            Arguments::parse(words, compare::OPTIONS).and_then(|arguments| block_on(compare::run(&arguments)))
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench {command}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(work)
}
