//! URLs of other services (R67, R68; every row of `imagekit.md` 3.12).

use limpid_delivery_url::{Mount, ResolvedTarget, Rewriter, target};
use proptest::prelude::*;

const CLOUDINARY: Rewriter = Rewriter::Cloudinary {
    preserve_asset_delivery_types: false,
};

fn rewritten(rewriter: Rewriter, text: &str) -> ResolvedTarget {
    let resolved = target::parse(text).expect(text);
    let resolved = resolved.resolve(Mount::Account, |_| false).expect(text);
    rewriter.rewrite(resolved).expect(text)
}

/// What a Cloudinary transformation becomes.
fn cloudinary(transformation: &str) -> String {
    let found = rewritten(CLOUDINARY, &format!("/demo/{transformation}/dir/a.jpg"));
    assert_eq!(found.file.as_raw(), "dir/a.jpg", "{transformation}");
    if !transformation.starts_with(['s', 'e', 'd']) || transformation.starts_with("e_") {
        found.transformation().expect(transformation);
    }
    found.transformations.join(":")
}

/// What an Imgix query becomes.
fn imgix(query: &str) -> String {
    let found = rewritten(Rewriter::Imgix, &format!("/demo/dir/a.jpg?{query}"));
    assert_eq!(found.forwarded_query, None, "{query}");
    found.transformation().expect(query);
    found.transformations.join(":")
}

/// The rows of the source's table, values it lists written out.
const CLOUDINARY_ROWS: &[(&str, &str)] = &[
    ("w_100", "w-100"),
    ("h_100", "h-100"),
    ("x_100", "x-100"),
    ("y_100", "y-100"),
    ("dpr_3.0", "dpr-3.0"),
    ("z_2.0", "z-2.0"),
    ("ar_2.5", "ar-2.5-1"),
    ("ar_3", "ar-3-1"),
    ("ar_4:3", "ar-4-3"),
    ("g_north", "fo-top"),
    ("g_south", "fo-bottom"),
    ("g_east", "fo-right"),
    ("g_west", "fo-left"),
    ("g_north_west", "fo-top_left"),
    ("g_north_east", "fo-top_right"),
    ("g_south_west", "fo-bottom_left"),
    ("g_south_east", "fo-bottom_right"),
    ("g_auto", "fo-auto"),
    ("g_face", "fo-face"),
    ("g_center", "fo-center"),
    ("g_custom", "fo-custom"),
    ("f_auto", "f-auto"),
    ("f_jpg", "f-jpg"),
    ("f_jpeg", "f-jpeg"),
    ("f_png", "f-png"),
    ("f_webp", "f-webp"),
    ("f_gif", "f-gif"),
    ("f_avif", "f-avif"),
    ("q_60", "q-60"),
    ("q_auto", "q-70"),
    ("q_auto:low", "q-50"),
    ("q_auto:eco", "q-60"),
    ("q_auto:good", "q-70"),
    ("q_auto:best", "q-86"),
    ("a_90", "rt-90"),
    ("a_-67", "rt-N67"),
    ("r_20", "r-20"),
    ("r_20:30:40:50", "r-20"),
    ("r_max", "r-max"),
    ("e_blur", "bl-1"),
    ("e_blur:500", "bl-5"),
    ("e_grayscale", "e-grayscale"),
    ("e_contrast:100", "e-contrast"),
    ("e_sharpen", "e-sharpen"),
    ("e_sharpen:500", "e-sharpen-5"),
    ("e_unsharp_mask:500", "e-usm-0-5-1-0.05"),
    ("e_unsharp_mask:250", "e-usm-0-2.5-1-0.05"),
    ("e_trim", "t-true"),
    ("e_trim:20", "t-20"),
    ("e_trim:20:red", "t-20"),
    ("bo_5px_solid_red", "b-5-red"),
    ("bo_5px_solid_BLUE", "b-5-blue"),
    ("bo_5px_solid_rgb:AAAA54", "b-5-AAAA54"),
    ("bo_5px_solid_rgb:AAAA54A9", "b-5-AAAA5466"),
    ("bo_5px_solid_rgb:B4F", "b-5-BB44FF"),
    ("bo_5px_solid_rgb:B4F9", "b-5-BB44FF60"),
    ("b_red", "bg-red"),
    ("b_rgb:AAAA54A9", "bg-AAAA5466"),
    ("b_blurred", "bg-blurred"),
    ("b_blurred:100", "bg-blurred_5"),
    ("b_blurred:100:10", "bg-blurred_5_25"),
    ("b_blurred:2000:-300", "bg-blurred_100_N255"),
    ("c_crop", "cm-extract"),
    ("c_fill", "c-maintain_ratio"),
    ("c_fit", "c-at_max"),
    ("c_pad", "cm-pad_resize"),
    ("c_scale", "c-force"),
    ("t_small_thumb", "n-small_thumb"),
    ("fl_progressive", "pr-true"),
    ("fl_progressive:steep", "pr-true"),
    ("fl_progressive:semi", "pr-true"),
    ("fl_progressive:none", "pr-false"),
    ("so_10.5599", "so-10.56"),
    ("eo_10.5522", "eo-10.55"),
    ("du_10.5500", "du-10.55"),
];

#[test]
fn every_cloudinary_row_is_translated() {
    for (theirs, ours) in CLOUDINARY_ROWS {
        assert_eq!(cloudinary(theirs), *ours, "{theirs}");
    }
}

#[test]
fn the_documented_cloudinary_url_means_the_documented_one_of_ours() {
    let theirs = rewritten(
        CLOUDINARY,
        "/demo/h_300,w_300,c_crop,g_north/folder/image.jpg",
    );
    let ours = "/demo/tr:h-300,w-300,cm-extract,fo-top/folder/image.jpg";
    let ours = target::parse(ours).map(|target| target.resolve(Mount::Account, |_| false));
    assert_eq!(Ok(Ok(theirs)), ours);
}

#[test]
fn what_cloudinary_says_badly_or_we_do_not_know_is_dropped() {
    for (theirs, ours) in [
        ("h_100,w_bad/a_90", "h-100:rt-90"),
        ("w_100:h-5", ""),
        ("w_1%2530", ""),
        ("c_thumb,w_100", "w-100"),
        ("g_auto:subject,w_100", "w-100"),
        ("q_80:420", ""),
        ("e_cartoonify,w_100", "w-100"),
        ("b_auto", ""),
        ("b_notacolour", ""),
        ("bo_5px_dotted_red", ""),
        ("ar_a:b", ""),
        ("t_two words", ""),
        ("fl_lossy,w_9", "w-9"),
        ("co_red,w_9", "w-9"),
        ("w_10/bad_1", "w-10"),
    ] {
        let path = theirs.replace(' ', "%20");
        let found = rewritten(CLOUDINARY, &format!("/demo/{path}/dir/a.jpg"));
        assert_eq!(found.transformations.join(":"), ours, "{theirs}");
        found.transformation().expect(theirs);
    }
}

#[test]
fn folders_and_files_that_are_no_transformation_stay() {
    for path in [
        "dir/a.jpg",
        "my_folder/a.jpg",
        "w_300",
        "summer,w_300/a.jpg",
        "v1/a.jpg",
        "image/a.jpg",
        "image/upload",
    ] {
        let found = rewritten(CLOUDINARY, &format!("/demo/{path}"));
        assert_eq!(found.file.as_raw(), path);
        assert!(found.transformations.is_empty(), "{path}");
    }
}

#[test]
fn asset_and_delivery_types_are_taken_out_or_kept_as_configured() {
    let keeping = Rewriter::Cloudinary {
        preserve_asset_delivery_types: true,
    };
    for (path, without, with) in [
        ("image/upload/a.jpg", "a.jpg", "image/upload/a.jpg"),
        (
            "image/upload/w_9/v1571218039/dir/a.jpg",
            "dir/a.jpg",
            "image/upload/dir/a.jpg",
        ),
        (
            "image/private/s--9rTi8bSq--/w_9/a.jpg",
            "a.jpg",
            "image/private/a.jpg",
        ),
        ("w_9/a.jpg", "a.jpg", "a.jpg"),
    ] {
        let target = format!("/demo/{path}");
        assert_eq!(rewritten(CLOUDINARY, &target).file.as_raw(), without);
        assert_eq!(rewritten(keeping, &target).file.as_raw(), with);
    }
    let video = rewritten(CLOUDINARY, "/demo/video/upload/q_auto:eco/a.jpg");
    assert_eq!(video.transformations, ["q-45"]);
}

#[test]
fn cloudinary_fetches_become_proxied_urls() {
    let found = rewritten(CLOUDINARY, "/demo/image/fetch/w_9/https://host.test/a.jpg");
    assert_eq!(found.file.absolute_url(), Some("https://host.test/a.jpg"));
    assert_eq!(found.transformations, ["w-9"]);
    let proxied = rewritten(CLOUDINARY, "/demo/https://host.test/w_9/a.jpg");
    assert_eq!(
        proxied.file.absolute_url(),
        Some("https://host.test/w_9/a.jpg")
    );
}

#[test]
fn cloudinary_layers_become_layers() {
    for (theirs, ours) in [
        (
            "w_300/l_text:Roboto_50:Hello",
            "w-300:l-text,i-Hello,ff-Roboto,fs-50,l-end",
        ),
        (
            "l_text:Open%20Sans_50_bold_italic_left:Hello%20you,co_rgb:FF0000,g_north,y_20",
            "l-text,i-Hello%20you,ff-Open%20Sans,fs-50,tg-b_i,ia-left,lxc-bw_div_2,ly-20,co-FF0000,l-end",
        ),
        (
            "l_text:dir:font.ttf_20_end:A%252C%20b",
            "l-text,ie-QSwgYg%3D%3D,ff-dir@@font.ttf,fs-20,ia-right,l-end",
        ),
        (
            "l_logos:small.png,w_100,g_south_east,x_10",
            "l-image,i-logos@@small.png,lx-N10,ly-N0,w-100,l-end",
        ),
        (
            "l_logo.png/w_100/e_grayscale/fl_layer_apply,g_north_west/a_90",
            "l-image,i-logo.png,lfo-top_left:w-100:e-grayscale,l-end:rt-90",
        ),
        ("l_logo.png,w_bad,co_red", "l-image,i-logo.png,l-end"),
        (
            "l_one.png/l_two.png/fl_layer_apply",
            "l-image,i-one.png,l-end:l-image,i-two.png,l-end",
        ),
        ("l_text:nosize:Hello,w_9", ""),
    ] {
        assert_eq!(cloudinary(theirs), ours, "{theirs}");
    }
}

#[test]
fn every_imgix_row_is_translated() {
    for (theirs, ours) in [
        ("w=100", "w-100"),
        ("h=100", "h-100"),
        ("ar=2:3&w=100&fit=crop", "ar-2-3,w-100"),
        ("ar=2:3&w=100&h=9&fit=crop", "w-100,h-9"),
        ("ar=2:3&w=100", "w-100"),
        ("crop=top", "fo-top"),
        ("crop=top,left", "fo-top_left"),
        ("crop=left,top", "fo-top_left"),
        ("crop=right%2Cbottom", "fo-bottom_right"),
        ("crop=faces", "fo-auto"),
        ("fit=clip", "c-at_max_enlarge"),
        ("fit=fill", "cm-pad_resize"),
        ("fit=fillmax", "cm-pad_resize"),
        ("fit=scale", "c-force"),
        ("fit=crop", ""),
        ("fit=max", "c-at_max"),
        ("fit=facearea", "fo-face"),
        ("fill=solid", ""),
        ("fill=blur&fill-color=red", "bg-red"),
        ("fm=jpg", "f-jpg"),
        ("fm=jpeg", "f-jpeg"),
        ("fm=jp2", "f-jpg"),
        ("fm=png8", "f-png"),
        ("fm=png32", "f-png"),
        ("fm=webp", "f-webp"),
        ("fm=gif", "f-gif"),
        ("fm=avif", "f-avif"),
        ("q=60", "q-60"),
        ("orient=1", "rt-0"),
        ("orient=6", "rt-90"),
        ("orient=3", "rt-180"),
        ("orient=8", "rt-270"),
        ("orient=270", "rt-270"),
        ("fill-color=BLUE", "bg-blue"),
        ("fill-color=A9AAAA54", "bg-AAAA5466"),
        ("bg=B4F", "bg-BB44FF"),
        ("bg=9B4F", "bg-BB44FF60"),
        ("dpr=3.0", "dpr-3.0"),
        ("sharp=10", "e-sharpen-200"),
        ("sharp=100", "e-sharpen-2000"),
        ("con=30", "e-contrast"),
        ("con=-50", "e-contrast"),
        ("usm=40", "e-usm-2.5-8.00-1-0.05"),
        ("usm=-50&usmrad=2", "e-usm-2-0.00-1-0.05"),
        ("blur=100", "bl-5.00"),
        ("blur=90", "bl-4.50"),
        ("trim=auto", "t-true"),
        ("trim=color", "t-true"),
        ("h=100&w=bad&blur=100", "h-100,bl-5.00"),
        (
            "orient=-90&crop=entropy&fit=min&fm=pjpg&trim=x&sharp=101&con=0&w=1,h-2",
            "",
        ),
    ] {
        assert_eq!(imgix(theirs), ours, "{theirs}");
    }
}

#[test]
fn akamai_has_two_parameters() {
    let found = rewritten(Rewriter::Akamai, "/demo/a.jpg?imwidth=300&v=2&imheight=bad");
    assert_eq!(found.transformations, ["w-300"]);
    assert_eq!(found.forwarded_query.as_deref(), Some("v=2"));
    let both = rewritten(Rewriter::Akamai, "/demo/a.jpg?imwidth=300&imheight=200");
    assert_eq!(both.transformations, ["w-300,h-200"]);
    assert_eq!(both.forwarded_query, None);
}

#[test]
fn our_own_syntax_comes_first_and_strangers_parameters_stay() {
    let found = rewritten(
        Rewriter::Imgix,
        "/demo/tr:rt-90/a.jpg?token=x&w=100&tr=q-9&v=2",
    );
    assert_eq!(found.transformations, ["rt-90", "q-9", "w-100"]);
    assert_eq!(found.forwarded_query.as_deref(), Some("token=x&v=2"));
}

proptest! {
    #[test]
    fn whatever_a_rewriter_emits_is_understood(
        segments in prop::collection::vec("[a-z]{1,3}_[a-zA-Z0-9:._%,-]{1,12}", 1..5),
        query in "[a-z=&0-9,:%.-]{0,40}",
    ) {
        let path = format!("/demo/{}/a.jpg?{query}", segments.join("/"));
        let Ok(resolved) = target::parse(&path).expect(&path).resolve(Mount::Account, |_| false) else {
            return Ok(());
        };
        for rewriter in [CLOUDINARY, Rewriter::Imgix, Rewriter::Akamai] {
            let own = resolved.transformations.len();
            let found = rewriter.rewrite(resolved.clone());
            // Decoding once more than the path's own check may uncover a name no file may have.
            let Ok(found) = found else { continue };
            for text in found.transformations.iter().skip(own) {
                if let Err(error) = limpid_delivery_url::transformation::parse(text) {
                    prop_assert!(error.sentence().contains("video"), "{path}: {text}: {error}");
                }
            }
        }
    }
}
