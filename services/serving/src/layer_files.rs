//! Files that layers need beside the original: overlays and fonts. They come from the default endpoint's origins, whichever
//! endpoint was asked, as the default image does. Source: `imagekit.md` 5.9 and 3.6.

use std::sync::Arc;

use limpid_delivery_url::transformation::{LayerInput, MAX_LAYER_INPUTS};
use limpid_delivery_url::{FilePath, Transformation};
use limpid_domain::failure::advice::RefusalCause;
use limpid_domain::failure::{DetailLevel, LayerInputNumber};
use limpid_domain::ids::TenantSeq;
use limpid_imaging::{Inputs, is_built_in_font};
use limpid_origins::Original;

use crate::config_snapshot::purges::Purges;
use crate::config_snapshot::{Account, Endpoint, Revision};
use crate::error::Refusal;

mod needed;

/// What the layers of one transformation need.
#[derive(Debug, Clone, Default)]
pub(crate) struct LayerFiles {
    /// Each file once, in the order in which the transformation names them.
    pub(crate) files: Vec<LayerFile>,
    /// Where they come from.
    pub(crate) endpoint: Option<Arc<Endpoint>>,
}

/// One file.
#[derive(Debug, Clone)]
pub(crate) struct LayerFile {
    /// As the transformation names it.
    pub(crate) name: String,
    /// As origins are asked for it.
    pub(crate) path: FilePath,
    /// Which it is of all of them.
    pub(crate) number: LayerInputNumber,
}

/// The files, fetched, by the names the transformation has for them.
#[derive(Debug, Clone, Default)]
pub(crate) struct FetchedLayerFiles(Vec<(String, Arc<Original>)>);

impl LayerFiles {
    /// What `transformation` needs in this account.
    ///
    /// # Errors
    /// Too many files, or a path no file can have.
    pub(crate) fn of(transformation: &Transformation, account: &Account) -> Result<Self, Refusal> {
        if transformation.wants_original() {
            return Ok(Self::default());
        }
        let mut files: Vec<LayerFile> = Vec::new();
        for input in transformation.inputs() {
            let name = match input {
                LayerInput::Font(name) if is_built_in_font(name) => continue,
                LayerInput::Image(name) | LayerInput::Font(name) => name,
            };
            if files.iter().any(|file| file.name == name) {
                continue;
            }
            let path = FilePath::from_decoded(name).map_err(|error| {
                Refusal::invalid(format!("A layer's file cannot be asked for: {error}"))
                    .because(RefusalCause::Layers)
            })?;
            let number = u8::try_from(files.len() + 1).unwrap_or(u8::MAX);
            files.push(LayerFile {
                name: name.to_owned(),
                path,
                number: LayerInputNumber { number, of: number },
            });
        }
        if files.len() > MAX_LAYER_INPUTS {
            return Err(Refusal::invalid(format!(
                "The layers name {} different files, at most {MAX_LAYER_INPUTS} are allowed",
                files.len()
            ))
            .because(RefusalCause::Layers));
        }
        if files.is_empty() {
            return Ok(Self::default());
        }
        let of = u8::try_from(files.len()).unwrap_or(u8::MAX);
        for file in &mut files {
            file.number.of = of;
        }
        let endpoint = account.endpoints.get("").map(Arc::clone);
        Ok(Self { files, endpoint })
    }

    /// Which of them has this name.
    pub(crate) fn number_of(&self, name: &str) -> Option<LayerInputNumber> {
        let file = self.files.iter().find(|file| file.name == name)?;
        Some(file.number)
    }

    /// Decides, with the variant's own, over its bytes.
    pub(crate) fn revision(&self) -> Option<Arc<Revision>> {
        let endpoint = self.endpoint.as_ref()?;
        Some(Arc::clone(&endpoint.revision))
    }

    /// The newest purge that means any of them: what shows a purged file is made anew.
    pub(crate) fn purged(&self, purges: &Purges) -> TenantSeq {
        let numbers = self.files.iter();
        let numbers = numbers.map(|file| purges.of_stored_file(file.path.as_raw()));
        numbers.max().unwrap_or(TenantSeq(0))
    }

    /// Whether what exactly went wrong with them must not be told.
    pub(crate) fn tells_codes_only(&self) -> bool {
        let endpoint = self.endpoint.as_ref();
        endpoint.is_some_and(|endpoint| endpoint.detail_level == DetailLevel::Code)
    }
}

impl FetchedLayerFiles {
    pub(crate) fn new(files: Vec<(String, Arc<Original>)>) -> Self {
        Self(files)
    }

    /// As the imaging engine takes them.
    pub(crate) fn inputs(&self) -> Inputs<'_> {
        let files = self.0.iter();
        files
            .map(|(name, file)| (name.as_str(), file.bytes.as_ref()))
            .collect()
    }

    /// Whether the origin marked any of them private, and so what shows it.
    pub(crate) fn is_private(&self) -> bool {
        self.0.iter().any(|(_, file)| file.is_private)
    }
}
