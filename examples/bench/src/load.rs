//! Load: `wrk` goes round a list of addresses and tells what it saw.

use std::fs;
use std::path::Path;

use crate::process::{pinned, run};
use crate::{Result, machine, tools};

/// Goes round the list, and tells the result in one line of numbers.
const SCRIPT: &str = r#"
local paths, next = {}, 0
for line in io.lines(os.getenv("BENCH_PATHS")) do paths[#paths + 1] = line end
request = function()
  next = next % #paths + 1
  return wrk.format("GET", paths[next])
end
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, summary.duration, summary.bytes,
    latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"#;

/// What one load came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Requests in a second.
    pub(crate) rate: f64,
    /// Milliseconds that half of the requests stayed below.
    pub(crate) p50: f64,
    /// Milliseconds that all but one in a hundred stayed below.
    pub(crate) p99: f64,
    /// Answers that were none.
    pub(crate) errors: u64,
}

/// Asks for these paths, in turn and again and again, over so many connections at once.
pub(crate) fn load(
    folder: &Path,
    port: u16,
    paths: &[String],
    connections: usize,
    seconds: u32,
) -> Result<Load> {
    let (script, list) = (folder.join("load.lua"), folder.join("paths.txt"));
    fs::write(&script, SCRIPT)?;
    fs::write(&list, paths.join("\n"))?;
    let wrk = tools::find("wrk").unwrap_or_else(|| "wrk".into());
    let output = run(pinned(wrk, machine::LOAD)
        .env("BENCH_PATHS", &list)
        .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s")])
        .args(["--timeout", "60s", "--latency", "-s"])
        .arg(&script)
        .arg(format!("http://127.0.0.1:{port}")))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let result = said.lines().find_map(|line| line.strip_prefix("RESULT "));
    let numbers: Vec<f64> = result
        .ok_or("wrk told no result")?
        .split(' ')
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [requests, microseconds, _bytes, p50, p99, errors] = numbers[..] else {
        return Err("wrk told another result than it was asked for".into());
    };
    Ok(Load {
        rate: requests / (microseconds / 1e6),
        p50: p50 / 1000.0,
        p99: p99 / 1000.0,
        errors: errors as u64,
    })
}

/// The medians of several loads.
#[derive(Debug, Default)]
pub(crate) struct Loads(Vec<Load>);

impl Loads {
    pub(crate) fn push(&mut self, load: Load) {
        self.0.push(load);
    }

    pub(crate) fn rate(&self) -> f64 {
        self.median(|load| load.rate)
    }

    pub(crate) fn p99(&self) -> f64 {
        self.median(|load| load.p99)
    }

    /// As a cell of the table.
    pub(crate) fn shown(&self) -> String {
        let errors: u64 = self.0.iter().map(|load| load.errors).sum();
        let (rate, p50, p99) = (self.rate(), self.median(|load| load.p50), self.p99());
        let shown = format!("{rate:.0}/s, p50 {p50:.2} ms, p99 {p99:.2} ms");
        if errors == 0 {
            shown
        } else {
            format!("{shown}, {errors} ERRORS")
        }
    }

    fn median(&self, of: impl Fn(&Load) -> f64) -> f64 {
        machine::median(self.0.iter().map(of).collect())
    }
}
