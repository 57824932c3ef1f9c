//! AVIF: colours and alpha as two AV1 pictures by libaom, in a container by `avif-serialize`.

use avif_serialize::{
    Aviffy,
    constants::{ColorPrimaries, MatrixCoefficients, TransferCharacteristics},
};

use crate::{
    geometry::Size,
    picture::{Channels, Picture},
    planes::{Plane, Planes, halved},
};

mod av1;
mod yuv;

/// libaom's coarsest quantiser.
const COARSEST_LEVEL: f64 = 63.0;

pub(super) fn encode(picture: &Picture, quality: u8) -> Result<Vec<u8>, String> {
    let level = quantiser_level(quality);
    let colors = av1::encode(&yuv::from_picture(picture), level)?;
    let alpha = match picture.channels {
        Channels::Rgba => Some(av1::encode(&yuv::alpha_of(picture), level)?),
        Channels::Rgb => None,
    };
    Ok(contained(&colors, alpha.as_deref(), picture.size))
}

/// Encodes planes whose differences are halved.
pub(super) fn encode_planes(planes: Planes, quality: u8) -> Result<Vec<u8>, String> {
    let size = planes.size();
    let gray = || Plane::filled(halved(size), 128);
    let [blue, red] = planes.chroma.unwrap_or_else(|| [gray(), gray()]);
    let planes = yuv::Planes {
        size,
        luma: planes.luma.samples,
        chroma: Some([blue.samples, red.samples]),
    };
    let colors = av1::encode(&planes, quantiser_level(quality))?;
    Ok(contained(&colors, None, size))
}

fn contained(colors: &[u8], alpha: Option<&[u8]>, size: Size) -> Vec<u8> {
    let mut container = Aviffy::new();
    container
        .set_seq_profile(0)
        .set_chroma_subsampling((true, true))
        .set_color_primaries(ColorPrimaries::Bt709)
        .set_transfer_characteristics(TransferCharacteristics::Srgb)
        .set_matrix_coefficients(MatrixCoefficients::Bt601)
        .set_full_color_range(true);
    container.to_vec(colors, alpha, size.width, size.height, 8)
}

/// The delivery scale is JPEG's, where 80 is the default; AVIF reaches the same fidelity lower on its own scale, so 80 is
/// 64 there, 100 stays 100 and everything between is a straight line.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within 0 to 63"
)]
fn quantiser_level(quality: u8) -> u32 {
    let quality = f64::from(quality.clamp(1, 100));
    let own_quality = if quality <= 80.0 {
        quality * 0.8
    } else {
        64.0 + (quality - 80.0) * 1.8
    };
    ((100.0 - own_quality) * COARSEST_LEVEL / 100.0)
        .round()
        .clamp(0.0, COARSEST_LEVEL) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_quality_never_means_a_coarser_quantiser() {
        let levels: Vec<u32> = (1..=100).map(quantiser_level).collect();
        assert!(levels.is_sorted_by(|coarse, fine| coarse >= fine));
        assert_eq!(levels.last(), Some(&0));
        assert_eq!(quantiser_level(80), 23);
    }
}
