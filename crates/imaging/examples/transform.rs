//! Runs one transformation on a file: `transform TR INPUT OUTPUT [REPEAT]`. For benchmarks and for looking at results.

#![expect(clippy::print_stdout, reason = "a command-line program")]

use std::{error::Error, time::Instant};

use limpid_delivery_url::transformation;
use limpid_imaging::{AcceptedFormats, ImageSettings, Limits, TransformRequest, transform};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [text, input, output, rest @ ..] = arguments.as_slice() else {
        return Err("usage: transform TR INPUT OUTPUT [REPEAT]".into());
    };
    let repeat: usize = rest.first().map_or(Ok(1), |count| count.parse())?;
    let source = std::fs::read(input)?;
    let transformation = transformation::parse(text)?;
    let request = TransformRequest {
        source: &source,
        transformation: &transformation,
        accept: AcceptedFormats::default(),
        settings: ImageSettings::default(),
        limits: &Limits::default(),
        deadline: None,
    };
    for _ in 0..repeat {
        let started = Instant::now();
        let result = transform(&request)?;
        println!(
            "{:?} {:?} {} bytes",
            started.elapsed(),
            result.timings,
            result.bytes.len()
        );
        std::fs::write(output, result.bytes)?;
    }
    Ok(())
}
