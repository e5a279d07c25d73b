use super::Catalog;

#[test]
fn the_documents_that_ship_load() {
    let catalog = Catalog::embedded().unwrap_or_else(|error| panic!("{error}"));
    assert!(catalog.provider_names().count() >= 1);
}
