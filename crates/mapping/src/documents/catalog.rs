//! All documents together, and the plans made of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use include_dir::{Dir, DirEntry, include_dir};
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use super::overlay::Merged;
use super::provider::{ProviderDocument, QueryLanguage};
use super::resource::ResourceDocument;
use super::source::{DOCUMENT_MAX_BYTES, OVERRIDE_MAX_BYTES, Source};
use super::unified;
use crate::error::{BASE_LEVEL, DocumentError};
use crate::plan::Plan;
use crate::schema::ResourceSchema;

/// Plans kept: connections with overrides of their own, in use.
const PLANS_MAX: u64 = 10_000;
/// The folder of the shapes that callers see.
const UNIFIED: &str = "unified";
/// The folder of JSON Schemas for editors.
const SCHEMAS: &str = "schema";
/// What stands in `mappings/` and is no provider.
const NOT_PROVIDERS: [&str; 3] = [UNIFIED, SCHEMAS, ""];
/// The name of the shared shapes' digest: no provider can have it.
const SHARED_DIGEST: &str = "shared shapes";
/// What stands between a resource's name and that of a further document of it.
const PART: char = '.';
/// The folder of a provider that holds its golden cases.
const CASES: &str = "cases";

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../mappings");

/// An override's text and the level it stands on.
#[derive(Debug, Clone, Copy)]
pub struct OverrideSource<'a> {
    /// `tenant` or `connection`; later ones lie over earlier ones.
    pub level_name: &'a str,
    /// The YAML text.
    pub document: &'a str,
}

/// All documents, loaded and checked.
#[derive(Debug)]
pub struct Catalog {
    providers: BTreeMap<String, Arc<ProviderDocument>>,
    schemas: BTreeMap<String, Arc<ResourceSchema>>,
    shared: serde_json::Value,
    /// Texts of resource documents by provider and resource.
    resources: BTreeMap<String, BTreeMap<String, File>>,
    /// SHA-256 of provider files and shapes, by their names.
    digests: BTreeMap<String, [u8; 32]>,
    plans: Cache<[u8; 32], Arc<Plan>>,
}

/// A file of the catalog.
#[derive(Debug, Clone)]
struct File {
    path: String,
    text: String,
    /// SHA-256 of the text.
    digest: [u8; 32],
}

impl File {
    fn new(path: String, text: String) -> Self {
        let digest = Sha256::digest(&text).into();
        Self { path, text, digest }
    }

    /// The topmost folder that it stands in; empty for a file beside them.
    fn folder(&self) -> &str {
        self.path.split_once('/').map_or("", |(folder, _)| folder)
    }

    fn source(&self) -> Source<'_> {
        Source {
            name: &self.path,
            text: &self.text,
        }
    }
}

/// JSON Schemas of the documents, for editors: the name of each file and its text.
pub fn editor_schemas() -> impl Iterator<Item = (&'static str, &'static str)> {
    let files = EMBEDDED.get_dir(SCHEMAS).into_iter().flat_map(Dir::files);
    files.filter_map(|file| Some((file.path().file_name()?.to_str()?, file.contents_utf8()?)))
}

impl Catalog {
    /// The documents that ship with the program.
    pub fn embedded() -> Result<Self, DocumentError> {
        let mut files = Vec::new();
        gather_embedded(&EMBEDDED, &mut files)?;
        Self::from_files(files)
    }

    /// The documents of a folder of the same layout as `mappings/`. With a `unified` folder in it, it stands for itself;
    /// without, its providers stand beside those that ship, or in the place of one that has the same name.
    pub fn from_dir(folder: &Path) -> Result<Self, DocumentError> {
        let mut files = Vec::new();
        gather_folder(folder, folder, &mut files, 0)?;
        let own: BTreeSet<String> = files.iter().map(|file| file.folder().to_owned()).collect();
        if !own.iter().any(|name| !NOT_PROVIDERS.contains(&name.as_str())) {
            let message =
                "the folder holds no provider: a folder of the provider's name with provider.yaml in it";
            return Err(DocumentError::new(&slashes(folder), None, message));
        }
        if !own.contains(UNIFIED) {
            let mut shipped = Vec::new();
            gather_embedded(&EMBEDDED, &mut shipped)?;
            files.extend(shipped.into_iter().filter(|file| !own.contains(file.folder())));
        }
        Self::from_files(files)
    }

    fn from_files(mut files: Vec<File>) -> Result<Self, DocumentError> {
        files.sort_by(|one, other| one.path.cmp(&other.path));
        let mut catalog = Self {
            providers: BTreeMap::new(),
            schemas: BTreeMap::new(),
            shared: serde_json::Value::Null,
            resources: BTreeMap::new(),
            digests: BTreeMap::new(),
            plans: Cache::new(PLANS_MAX),
        };
        if let Some(shared) = files
            .iter()
            .find(|file| file.path.ends_with(unified::SHARED_FILE))
        {
            catalog.shared = unified::read_shared(shared.source())?;
            catalog.digests.insert(SHARED_DIGEST.to_owned(), shared.digest);
        }
        for file in files {
            catalog.add(file)?;
        }
        // Every document that ships must make a plan: a mistake in one is found at start, not at a caller's request.
        for (provider, resources) in &catalog.resources {
            if !catalog.providers.contains_key(provider) {
                return Err(DocumentError::new(
                    &format!("{provider}/provider.yaml"),
                    None,
                    "the file is missing",
                ));
            }
            for resource in resources.keys() {
                catalog.plan(provider, resource, &[])?;
            }
            catalog.check_parts(provider, resources)?;
        }
        Ok(catalog)
    }

    fn add(&mut self, file: File) -> Result<(), DocumentError> {
        let parts: Vec<&str> = file.path.split('/').collect();
        let (folder, name) = match parts.as_slice() {
            [folder, .., name] => ((*folder).to_owned(), *name),
            _ => return Ok(()),
        };
        let Some(stem) = name.strip_suffix(".yaml").filter(|stem| !stem.starts_with('_')) else {
            return Ok(());
        };
        let stem = stem.to_owned();
        if folder == UNIFIED {
            let schema = unified::read_schema(&stem, file.source(), &self.shared)?;
            self.digests.insert(format!("shape of {stem}"), file.digest);
            self.schemas.insert(stem, Arc::new(schema));
        } else if NOT_PROVIDERS.contains(&folder.as_str()) || parts.get(1) == Some(&CASES) {
            // Read by tests only.
        } else if parts.len() == 2 && stem == "provider" {
            let document = ProviderDocument::read(file.source())?;
            if document.name != folder {
                return Err(DocumentError::new(
                    &file.path,
                    Some("name"),
                    format!("must be the folder's: {folder}"),
                ));
            }
            self.digests.insert(folder.clone(), file.digest);
            self.providers.insert(folder, Arc::new(document));
        } else {
            self.resources.entry(folder).or_default().insert(stem, file);
        }
        Ok(())
    }

    /// Each further document is named by its resource, and each that a resource names is there.
    fn check_parts(&self, provider: &str, resources: &BTreeMap<String, File>) -> Result<(), DocumentError> {
        for (resource, file) in resources {
            let wrong = |message: String| Err(DocumentError::new(&file.path, Some("also"), message));
            if let Some((whole, part)) = resource.split_once(PART) {
                let named = match resources.get(whole) {
                    Some(_) => self.plan(provider, whole, &[])?.parts().any(|name| name == part),
                    None => false,
                };
                if !named {
                    return wrong(format!(
                        "{whole}.yaml does not name it: `also: [{{document: {part}, ids: …}}]`"
                    ));
                }
                continue;
            }
            let plan = self.plan(provider, resource, &[])?;
            for part in plan.parts() {
                if !resources.contains_key(&part_name(resource, part)) {
                    return wrong(format!("there is no {resource}{PART}{part}.yaml"));
                }
            }
            let asks_texts = |document: &Arc<ProviderDocument>| {
                let query = document.query.as_ref();
                query.is_some_and(|query| query.language == QueryLanguage::Soql)
            };
            if plan.parts().next().is_some() && !self.provider(provider).is_some_and(asks_texts) {
                return wrong(format!(
                    "{provider} is not asked with query texts: it has no keysets to go on with"
                ));
            }
        }
        Ok(())
    }

    /// A provider by name.
    pub fn provider(&self, name: &str) -> Option<&Arc<ProviderDocument>> {
        self.providers.get(name)
    }

    /// Names of all providers, sorted.
    pub fn provider_names(&self) -> impl Iterator<Item = &str> {
        self.providers.keys().map(String::as_str)
    }

    /// The shape of a resource.
    pub fn schema(&self, resource: &str) -> Option<&Arc<ResourceSchema>> {
        self.schemas.get(resource)
    }

    /// All resources with a shape, sorted by name.
    pub fn resources(&self) -> impl Iterator<Item = &Arc<ResourceSchema>> {
        self.schemas.values()
    }

    /// Names of the resources a provider has documents for, sorted.
    pub fn provider_resources(&self, provider: &str) -> impl Iterator<Item = &str> {
        self.resources
            .get(provider)
            .into_iter()
            .flat_map(|resources| resources.keys().map(String::as_str))
            .filter(|name| !name.contains(PART))
    }

    /// The plan of a further document of a resource, as [`Catalog::plan`] gives that of the first. Overrides of the
    /// resource lie over each of its documents.
    pub fn part_plan(
        &self,
        provider: &str,
        resource: &str,
        part: &str,
        overrides: &[OverrideSource<'_>],
    ) -> Result<Arc<Plan>, DocumentError> {
        self.plan(provider, &part_name(resource, part), overrides)
    }

    /// The resource that a provider's object is mapped to. Of several it is the one of this object alone, then the first
    /// by name; a resource of some of the object's records is none.
    pub fn resource_of(&self, provider: &str, object: &str) -> Option<&str> {
        let of_object = |resource: &'_ str| {
            let plan = self.plan(provider, resource, &[]).ok()?;
            let is_of = plan.object.eq_ignore_ascii_case(object) && plan.only.is_empty();
            is_of.then(|| plan.parts().count())
        };
        let found = self.provider_resources(provider);
        let found = found.filter_map(|resource| Some((of_object(resource)?, resource)));
        found
            .min_by_key(|(parts, _)| *parts)
            .map(|(_, resource)| resource)
    }

    /// The plan of a resource with overrides laid over it, in order. Cached by content: connections whose documents are
    /// the same share one.
    pub fn plan(
        &self,
        provider: &str,
        resource: &str,
        overrides: &[OverrideSource<'_>],
    ) -> Result<Arc<Plan>, DocumentError> {
        let key = self.content_hash(provider, resource, overrides);
        if let Some(plan) = self.plans.get(&key) {
            return Ok(plan);
        }
        let plan = Arc::new(self.build(provider, resource, overrides, key).map_err(first)?);
        self.plans.insert(key, Arc::clone(&plan));
        Ok(plan)
    }

    /// Checks one override on its own over the base: every mistake found.
    pub fn check_override(
        &self,
        provider: &str,
        resource: &str,
        document: &str,
    ) -> Result<(), Vec<DocumentError>> {
        let overrides = [OverrideSource {
            level_name: "override",
            document,
        }];
        let key = self.content_hash(provider, resource, &overrides);
        self.build(provider, resource, &overrides, key).map(|_| ())
    }

    fn build(
        &self,
        provider: &str,
        resource: &str,
        overrides: &[OverrideSource<'_>],
        key: [u8; 32],
    ) -> Result<Plan, Vec<DocumentError>> {
        let document = self.providers.get(provider).ok_or_else(|| {
            let known: Vec<&str> = self.provider_names().collect();
            vec![DocumentError::new(
                provider,
                None,
                format!("no such provider; there are {}", known.join(", ")),
            )]
        })?;
        let whole = whole_name(resource);
        let base = self
            .resources
            .get(provider)
            .and_then(|resources| resources.get(resource));
        if base.is_none() && overrides.is_empty() {
            let known: Vec<&str> = self.provider_resources(provider).collect();
            let message = format!("{provider} has no such resource; it has {}", known.join(", "));
            return Err(vec![DocumentError::new(resource, None, message)]);
        }
        let levels = base
            .map(|file| (BASE_LEVEL, file.source(), DOCUMENT_MAX_BYTES))
            .into_iter()
            .chain(overrides.iter().map(|given| {
                let source = Source {
                    name: given.level_name,
                    text: given.document,
                };
                (given.level_name, source, OVERRIDE_MAX_BYTES)
            }));
        let mut merged = Merged::default();
        let mut mistakes = Vec::new();
        for (level, source, max_bytes) in levels {
            match source.read::<ResourceDocument>(max_bytes) {
                Ok(read) => {
                    let named = read.resource.as_ref().map(|named| named.value.as_str());
                    if named.is_some_and(|named| named != whole) {
                        let message = format!("must be `{whole}`, the resource it is put for");
                        mistakes.push(DocumentError::new(source.name, Some("resource"), message));
                    }
                    mistakes.extend(merged.lay(level, source, &read));
                }
                Err(mistake) => mistakes.push(mistake),
            }
        }
        let is_text = document
            .query
            .as_ref()
            .is_some_and(|query| query.language == QueryLanguage::Soql);
        if !is_text && merged.methods.values().any(|method| method.query.is_some()) {
            let message = format!("{provider} is not asked with query texts: use `filters` and `sorts`");
            mistakes.push(DocumentError::new(resource, Some("query_mapping"), message));
        }
        if !is_text && !merged.children.is_empty() {
            let message = format!(
                "{provider} is not asked with query texts: rows of others cannot be asked for with a record"
            );
            mistakes.push(DocumentError::new(resource, Some("children"), message));
        }
        let schema = self.shape_of(whole, &merged);
        match schema {
            Ok(schema) if mistakes.is_empty() => {
                Ok(Plan::new(provider, whole, document, merged, schema, &hex(&key)))
            }
            Ok(_) => Err(mistakes),
            Err(message) => {
                mistakes.push(DocumentError::new(resource, Some("schema"), message));
                Err(mistakes)
            }
        }
    }

    fn shape_of(&self, resource: &str, merged: &Merged) -> Result<Arc<ResourceSchema>, String> {
        match (&merged.schema, self.schemas.get(resource)) {
            (Some(json), _) => unified::from_json(resource, json.clone()).map(Arc::new),
            (None, Some(schema)) => Ok(Arc::clone(schema)),
            (None, None) => unified::bare(resource, &self.shared).map(Arc::new),
        }
    }

    /// Everything that decides what a plan does; the base documents do not change while the program runs, but a
    /// fingerprint outlives the program in cursors.
    fn content_hash(&self, provider: &str, resource: &str, overrides: &[OverrideSource<'_>]) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut put = |part: &[u8]| {
            hash.update(u64::try_from(part.len()).unwrap_or_default().to_be_bytes());
            hash.update(part);
        };
        put(provider.as_bytes());
        put(resource.as_bytes());
        let shape = format!("shape of {}", whole_name(resource));
        for name in [SHARED_DIGEST, provider, &shape] {
            put(self
                .digests
                .get(name)
                .map(<[u8; 32]>::as_slice)
                .unwrap_or_default());
        }
        if let Some(file) = self
            .resources
            .get(provider)
            .and_then(|resources| resources.get(resource))
        {
            put(&file.digest);
        }
        for given in overrides {
            put(given.level_name.as_bytes());
            put(given.document.as_bytes());
        }
        hash.finalize().into()
    }
}

fn part_name(resource: &str, part: &str) -> String {
    format!("{resource}{PART}{part}")
}

/// The resource that a document is of.
fn whole_name(document: &str) -> &str {
    document.split_once(PART).map_or(document, |(whole, _)| whole)
}

fn first(mistakes: Vec<DocumentError>) -> DocumentError {
    let unknown = || DocumentError::new("mapping", None, "the document cannot be used");
    mistakes.into_iter().next().unwrap_or_else(unknown)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().take(16).fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn gather_embedded(folder: &Dir<'_>, files: &mut Vec<File>) -> Result<(), DocumentError> {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(inner) => gather_embedded(inner, files)?,
            DirEntry::File(file) if is_yaml(file.path()) => {
                let path = slashes(file.path());
                let text = file
                    .contents_utf8()
                    .ok_or_else(|| DocumentError::new(&path, None, "the file is not UTF-8 text"))?;
                files.push(File::new(path, text.to_owned()));
            }
            DirEntry::File(_) => {}
        }
    }
    Ok(())
}

fn gather_folder(
    root: &Path,
    folder: &Path,
    files: &mut Vec<File>,
    depth: usize,
) -> Result<(), DocumentError> {
    let failed =
        |path: &Path, error: &std::io::Error| DocumentError::new(&slashes(path), None, error.to_string());
    // Deeper than any layout of ours: a link that leads back.
    if depth > 5 {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).map_err(|error| failed(folder, &error))? {
        let path = entry.map_err(|error| failed(folder, &error))?.path();
        if path.is_dir() {
            gather_folder(root, &path, files, depth + 1)?;
        } else if is_yaml(&path) {
            let text = std::fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
            let relative = path.strip_prefix(root).unwrap_or(&path);
            files.push(File::new(slashes(relative), text));
        }
    }
    Ok(())
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "yaml")
}

fn slashes(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}
