//! Where a layer lies on its base. Source: `imagekit.md` 5.9 and, for `lap`, the descriptions in `ImageKit`'s SDKs (the same in
//! seven languages): the point of the base from which coordinates are counted, to be used beside at least one of them.

use limpid_delivery_url::transformation::{Anchor, EdgeOffset, LayerPosition};

use crate::geometry::{Size, anchor_fractions};

/// Column and row of the layer's top left corner, seen from the base's. Below 0 only where the layer is larger than its base.
pub(crate) fn place(position: &LayerPosition, base: Size, layer: Size) -> (i64, i64) {
    let has_coordinates = position.x.is_some()
        || position.y.is_some()
        || position.x_center.is_some()
        || position.y_center.is_some();
    let focus = position.focus.unwrap_or(Anchor::Center);
    let focus = anchor_fractions(if has_coordinates {
        Anchor::TopLeft
    } else {
        focus
    });
    let origin = position
        .anchor_point
        .filter(|_| has_coordinates)
        .map(anchor_fractions);
    let across = Axis {
        corner: position.x,
        center: position.x_center,
        focus: focus.0,
        origin: origin.map(|(across, _)| across),
        base: i64::from(base.width),
        layer: i64::from(layer.width),
    };
    let down = Axis {
        corner: position.y,
        center: position.y_center,
        focus: focus.1,
        origin: origin.map(|(_, down)| down),
        base: i64::from(base.height),
        layer: i64::from(layer.height),
    };
    (across.start(), down.start())
}

/// One direction. Units: px.
struct Axis {
    corner: Option<EdgeOffset>,
    center: Option<EdgeOffset>,
    /// The part of the free space before the layer, where nothing is said.
    focus: f64,
    /// The part of the base before the point from which coordinates are counted.
    origin: Option<f64>,
    base: i64,
    layer: i64,
}

impl Axis {
    fn start(&self) -> i64 {
        let free = self.base - self.layer;
        let start = match (self.center, self.corner) {
            (Some(center), _) => self.coordinate(center, 0) - self.layer / 2,
            (None, Some(corner)) => self.coordinate(corner, self.layer),
            (None, None) => match self.origin {
                Some(origin) => part(self.base, origin),
                None => part(free, self.focus),
            },
        };
        // inside; a layer larger than its base covers it
        start.clamp(free.min(0), free.max(0))
    }

    /// Seen from the base's edge. Counted from the far edge, `extent` px of the layer end there instead of beginning.
    fn coordinate(&self, offset: EdgeOffset, extent: i64) -> i64 {
        match (offset, self.origin) {
            (EdgeOffset::FromStart(pixels), origin) => {
                part(self.base, origin.unwrap_or(0.0)) + i64::from(pixels)
            }
            (EdgeOffset::FromEnd(pixels), None) => self.base - i64::from(pixels) - extent,
            (EdgeOffset::FromEnd(pixels), Some(origin)) => {
                part(self.base, origin) - i64::from(pixels)
            }
        }
    }
}

/// Nothing, half or all of a length; the odd pixel is left out.
fn part(length: i64, fraction: f64) -> i64 {
    if fraction <= 0.0 {
        0
    } else if fraction >= 1.0 {
        length
    } else {
        length.div_euclid(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use EdgeOffset::{FromEnd, FromStart};

    const BASE: Size = Size {
        width: 101,
        height: 80,
    };
    const LAYER: Size = Size {
        width: 20,
        height: 10,
    };

    fn at(position: LayerPosition) -> (i64, i64) {
        place(&position, BASE, LAYER)
    }

    #[test]
    fn every_anchor_has_its_place() {
        for (anchor, expected) in [
            (Anchor::Center, (40, 35)),
            (Anchor::Top, (40, 0)),
            (Anchor::Left, (0, 35)),
            (Anchor::Bottom, (40, 70)),
            (Anchor::Right, (81, 35)),
            (Anchor::TopLeft, (0, 0)),
            (Anchor::TopRight, (81, 0)),
            (Anchor::BottomLeft, (0, 70)),
            (Anchor::BottomRight, (81, 70)),
        ] {
            let focus = Some(anchor);
            assert_eq!(
                at(LayerPosition {
                    focus,
                    ..LayerPosition::default()
                }),
                expected,
                "{anchor:?}"
            );
        }
        assert_eq!(at(LayerPosition::default()), (40, 35));
    }

    #[test]
    fn coordinates_count_from_either_edge_and_are_clamped() {
        for (x, y, expected) in [
            (FromStart(7), FromStart(3), (7, 3)),
            (FromEnd(35), FromEnd(5), (46, 65)),
            (FromEnd(0), FromEnd(0), (81, 70)),
            (FromStart(1000), FromEnd(1000), (81, 0)),
        ] {
            let position = LayerPosition {
                x: Some(x),
                y: Some(y),
                ..LayerPosition::default()
            };
            assert_eq!(at(position), expected);
        }
        let only_x = LayerPosition {
            x: Some(FromStart(7)),
            focus: Some(Anchor::BottomRight),
            ..LayerPosition::default()
        };
        assert_eq!(at(only_x), (7, 0));
    }

    #[test]
    fn centres_are_the_centre_of_the_layer() {
        let position = LayerPosition {
            x_center: Some(FromStart(50)),
            y_center: Some(FromEnd(20)),
            ..LayerPosition::default()
        };
        assert_eq!(at(position), (40, 55));
        let clamped = LayerPosition {
            x_center: Some(FromStart(2)),
            y_center: Some(FromStart(79)),
            ..LayerPosition::default()
        };
        assert_eq!(at(clamped), (0, 70));
    }

    #[test]
    fn the_anchor_point_moves_the_origin_of_the_coordinates() {
        let from = |anchor, x, y| {
            at(LayerPosition {
                x: Some(x),
                y: Some(y),
                anchor_point: Some(anchor),
                ..LayerPosition::default()
            })
        };
        assert_eq!(from(Anchor::TopLeft, FromStart(7), FromStart(3)), (7, 3));
        assert_eq!(from(Anchor::Center, FromStart(7), FromEnd(3)), (57, 37));
        assert_eq!(
            from(Anchor::BottomRight, FromEnd(30), FromEnd(20)),
            (71, 60)
        );
        assert_eq!(
            from(Anchor::BottomRight, FromStart(1), FromEnd(1)),
            (81, 70)
        );
    }

    #[test]
    fn an_anchor_point_without_a_coordinate_says_nothing() {
        let anchor_point = Some(Anchor::TopLeft);
        let alone = LayerPosition {
            anchor_point,
            ..LayerPosition::default()
        };
        assert_eq!(at(alone), at(LayerPosition::default()));
        let focus = Some(Anchor::Bottom);
        let beside_a_focus = LayerPosition {
            anchor_point,
            focus,
            ..LayerPosition::default()
        };
        assert_eq!(at(beside_a_focus), (40, 70));
        // one coordinate is enough, and the other direction begins at the point
        let across = LayerPosition {
            anchor_point: Some(Anchor::Center),
            x: Some(FromStart(3)),
            ..LayerPosition::default()
        };
        assert_eq!(at(across), (53, 40));
    }

    #[test]
    fn a_layer_larger_than_its_base_covers_it() {
        let small = Size {
            width: 10,
            height: 6,
        };
        assert_eq!(place(&LayerPosition::default(), small, LAYER), (-5, -2));
        let corner = LayerPosition {
            x: Some(FromStart(5)),
            y: Some(FromEnd(0)),
            ..LayerPosition::default()
        };
        assert_eq!(place(&corner, small, LAYER), (0, -4));
    }
}
