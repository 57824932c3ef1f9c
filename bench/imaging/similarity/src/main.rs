//! `similarity REFERENCE OTHER…`: SSIMULACRA2 of each other picture against the reference, one number a line. All are RGB8 PNG
//! files of one size.

use std::{error::Error, fs::File, io::BufReader};

use png::{ColorType, Decoder};
use ssimulacra2::{ColorPrimaries, Rgb, TransferCharacteristic, compute_frame_ssimulacra2};

fn main() -> Result<(), Box<dyn Error>> {
    let mut paths = std::env::args().skip(1);
    let reference = picture(&paths.next().ok_or("a reference is needed")?)?;
    for path in paths {
        let other = picture(&path)?;
        println!("{:.4}", compute_frame_ssimulacra2(reference.clone(), other)?);
    }
    Ok(())
}

fn picture(path: &str) -> Result<Rgb, Box<dyn Error>> {
    let mut reader = Decoder::new(BufReader::new(File::open(path)?)).read_info()?;
    let mut bytes = vec![0; reader.output_buffer_size().ok_or("too large")?];
    let frame = reader.next_frame(&mut bytes)?;
    if frame.color_type != ColorType::Rgb {
        return Err(format!("{path} isn't RGB").into());
    }
    let unit = |channel: &u8| f32::from(*channel) / 255.0;
    let pixels = bytes
        .as_chunks::<3>()
        .0
        .iter()
        .map(|pixel| pixel.each_ref().map(unit))
        .collect();
    let (width, height) = (frame.width as usize, frame.height as usize);
    let transfer = TransferCharacteristic::SRGB;
    Ok(Rgb::new(pixels, width, height, transfer, ColorPrimaries::BT709)?)
}
