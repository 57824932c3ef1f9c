//! Draws the contact sheet of `docs/TRANSFORMATIONS.md`: every row of the golden table, with what was asked below it.
//!
//! `cargo run --release -p limpid-imaging --example operations -- docs/pictures/operations.png`

use std::{
    env,
    error::Error,
    fs,
    io::{BufWriter, Cursor},
    path::Path,
};

use image::{ImageReader, Rgb, RgbImage, RgbaImage, imageops};
use limpid_delivery_url::{Transformation, transformation::parse};
use limpid_imaging::{AcceptedFormats, ImageSettings, Inputs, Limits, TransformRequest, transform};

const COLUMNS: u32 = 6;
/// Width and height of a picture's place. Units: px.
const PLACE: (u32, u32) = (172, 128);
/// Height of its label. Units: px.
const LABEL: u32 = 54;
/// Characters of a label's line.
const LINE: usize = 20;
/// Side of a letter's dot. Units: px.
const DOT: u32 = 2;
const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
const INK: Rgb<u8> = Rgb([20, 20, 20]);

fn main() -> Result<(), Box<dyn Error>> {
    let target = env::args().nth(1).ok_or("name the file to write")?;
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/golden"));
    let table = fs::read_to_string(folder.join("operations.tsv"))?;
    let rows: Vec<&str> = table.lines().collect();
    let lines = u32::try_from(rows.len())?.div_ceil(COLUMNS);
    let (width, height) = (COLUMNS * PLACE.0, lines * (PLACE.1 + LABEL));
    let mut sheet = RgbImage::from_pixel(width, height, PAPER);
    for (row, index) in rows.iter().zip(0..) {
        let fields: Vec<&str> = row.split('\t').collect();
        let [_, source, asked] = fields
            .try_into()
            .map_err(|_| format!("three fields: {row}"))?;
        let source = fs::read(folder.join(format!("source/{source}.png")))?;
        let (left, top) = (
            index % COLUMNS * PLACE.0,
            index / COLUMNS * (PLACE.1 + LABEL),
        );
        put(&mut sheet, &made(&source, asked)?, (left, top));
        for (line, y) in label_lines(asked).zip(0..) {
            write(
                &mut sheet,
                &line,
                (left + 4, top + PLACE.1 + 2 + y * 6 * DOT),
            );
        }
    }
    save(&sheet, Path::new(&target))
}

fn made(source: &[u8], asked: &str) -> Result<RgbaImage, Box<dyn Error>> {
    let mut steps = parse(asked)?.steps;
    steps.extend(parse("f-png")?.steps);
    let done = transform(&TransformRequest {
        source,
        transformation: &Transformation { steps },
        inputs: &Inputs::default(),
        accept: AcceptedFormats::default(),
        settings: ImageSettings::default(),
        limits: &Limits::default(),
        deadline: None,
    })?;
    let reader = ImageReader::new(Cursor::new(done.bytes)).with_guessed_format()?;
    Ok(reader.decode()?.into_rgba8())
}

/// In the middle of its place, on a chequered ground where it is transparent.
fn put(sheet: &mut RgbImage, picture: &RgbaImage, (left, top): (u32, u32)) {
    let x = left + PLACE.0.saturating_sub(picture.width()) / 2;
    let y = top + PLACE.1.saturating_sub(picture.height()) / 2;
    let ground = RgbaImage::from_fn(picture.width(), picture.height(), |x, y| {
        let level = if (x / 6 + y / 6) % 2 == 0 { 235 } else { 205 };
        image::Rgba([level, level, level, 255])
    });
    let mut shown = ground;
    imageops::overlay(&mut shown, picture, 0, 0);
    let opaque = image::DynamicImage::from(shown).into_rgb8();
    imageops::overlay(sheet, &opaque, i64::from(x), i64::from(y));
}

/// Broken where a parameter or a step ends, if one does.
fn label_lines(asked: &str) -> impl Iterator<Item = String> {
    let mut lines = vec![String::new()];
    for part in asked.split_inclusive([',', ':', '_']) {
        if lines
            .last()
            .is_some_and(|line| line.len() + part.len() > LINE && !line.is_empty())
        {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(part);
        }
    }
    lines.into_iter()
}

fn write(sheet: &mut RgbImage, text: &str, (left, top): (u32, u32)) {
    let mut left = left;
    for character in text.chars() {
        let rows = glyph(character);
        let dots = rows.iter().zip(0..).flat_map(|(row, y)| {
            let columns = row.chars().zip(0..);
            columns
                .filter(|(dot, _)| *dot == '#')
                .map(move |(_, x)| (x, y))
        });
        for (x, y) in dots {
            let dot = RgbImage::from_pixel(DOT, DOT, INK);
            imageops::overlay(
                sheet,
                &dot,
                i64::from(left + x * DOT),
                i64::from(top + y * DOT),
            );
        }
        let width = rows.iter().map(|row| row.len()).max().unwrap_or_default();
        left += (u32::try_from(width).unwrap_or_default() + 1) * DOT;
    }
}

/// Letters of 5 rows of dots; small and capital ones look alike.
fn glyph(character: char) -> [&'static str; 5] {
    match character.to_ascii_lowercase() {
        'a' => [" # ", "# #", "###", "# #", "# #"],
        'b' => ["## ", "# #", "## ", "# #", "## "],
        'c' => [" ##", "#  ", "#  ", "#  ", " ##"],
        'd' => ["## ", "# #", "# #", "# #", "## "],
        'e' => ["###", "#  ", "## ", "#  ", "###"],
        'f' => ["###", "#  ", "## ", "#  ", "#  "],
        'g' => [" ##", "#  ", "# #", "# #", " ##"],
        'h' => ["# #", "# #", "###", "# #", "# #"],
        'i' => ["###", " # ", " # ", " # ", "###"],
        'j' => ["  #", "  #", "  #", "# #", " # "],
        'k' => ["# #", "# #", "## ", "# #", "# #"],
        'l' => ["#  ", "#  ", "#  ", "#  ", "###"],
        'm' => ["#   #", "## ##", "# # #", "#   #", "#   #"],
        'n' => ["#  #", "## #", "# ##", "#  #", "#  #"],
        'o' => [" # ", "# #", "# #", "# #", " # "],
        'p' => ["## ", "# #", "## ", "#  ", "#  "],
        'q' => [" # ", "# #", "# #", " # ", "  #"],
        'r' => ["## ", "# #", "## ", "# #", "# #"],
        's' => [" ##", "#  ", " # ", "  #", "## "],
        't' => ["###", " # ", " # ", " # ", " # "],
        'u' => ["# #", "# #", "# #", "# #", "###"],
        'v' => ["# #", "# #", "# #", "# #", " # "],
        'w' => ["#   #", "#   #", "# # #", "## ##", "#   #"],
        'x' => ["# #", "# #", " # ", "# #", "# #"],
        'y' => ["# #", "# #", " # ", " # ", " # "],
        'z' => ["###", "  #", " # ", "#  ", "###"],
        '0' => ["###", "# #", "# #", "# #", "###"],
        '1' => [" # ", "## ", " # ", " # ", "###"],
        '2' => ["## ", "  #", " # ", "#  ", "###"],
        '3' => ["## ", "  #", " # ", "  #", "## "],
        '4' => ["# #", "# #", "###", "  #", "  #"],
        '5' => ["###", "#  ", "## ", "  #", "## "],
        '6' => [" ##", "#  ", "###", "# #", "###"],
        '7' => ["###", "  #", " # ", " # ", " # "],
        '8' => ["###", "# #", "###", "# #", "###"],
        '9' => ["###", "# #", "###", "  #", "## "],
        '-' => ["   ", "   ", "###", "   ", "   "],
        '_' => ["   ", "   ", "   ", "   ", "###"],
        ':' => ["   ", " # ", "   ", " # ", "   "],
        ',' => ["   ", "   ", "   ", " # ", "#  "],
        '.' => ["   ", "   ", "   ", "   ", " # "],
        _ => ["   "; 5],
    }
}

/// With at most 256 colours: a sheet is looked at, not measured.
fn save(sheet: &RgbImage, target: &Path) -> Result<(), Box<dyn Error>> {
    let (width, height) = (
        u16::try_from(sheet.width())?,
        u16::try_from(sheet.height())?,
    );
    let frame = gif::Frame::from_rgb_speed(width, height, sheet.as_raw(), 1);
    let palette = frame.palette.ok_or("no palette")?;
    let file = BufWriter::new(fs::File::create(target)?);
    let mut encoder = png::Encoder::new(file, sheet.width(), sheet.height());
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(palette);
    encoder.set_compression(png::Compression::High);
    encoder.write_header()?.write_image_data(&frame.buffer)?;
    Ok(())
}
