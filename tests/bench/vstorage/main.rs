//! One sync of a folder of events with a CalDAV server by vstorage, as pimsync does it: `duel-vstorage FOLDER URL
//! COLLECTION STATUS CONCURRENCY`.

use futures_util::StreamExt as _;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use libdav::dav::WebDavClient;
use std::error::Error;
use std::sync::Arc;
use tower_http::auth::AddAuthorization;
use vstorage::ItemKind;
use vstorage::base::Storage;
use vstorage::caldav::{CalDavStorage, CollectionIdSegment};
use vstorage::sync::Side;
use vstorage::sync::conflict::{KeepSideResolver, resolve_conflicts};
use vstorage::sync::declare::{StoragePair, SyncedCollection};
use vstorage::sync::execute::Executor;
use vstorage::sync::plan::Plan;
use vstorage::sync::status::StatusDatabase;
use vstorage::vdir::VdirStorage;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, url, collection, status, concurrency] = words.as_slice() else {
        return Err("FOLDER URL COLLECTION STATUS CONCURRENCY".into());
    };
    let concurrency: usize = concurrency.parse()?;
    let folder = VdirStorage::builder(folder.as_str().into())?.build(ItemKind::Calendar);
    let client = Client::builder(TokioExecutor::new()).build::<_, String>(HttpConnector::new());
    let client = AddAuthorization::basic(client, "u", "p");
    let server = CalDavStorage::builder(WebDavClient::new(url.parse()?, client))
        .with_collection_id_segment(CollectionIdSegment::Last)
        .build()
        .await?;
    let (folder, server): (Arc<dyn Storage>, Arc<dyn Storage>) = (Arc::new(folder), Arc::new(server));
    let pair = StoragePair::new(folder.clone(), server.clone())
        .with_mapping(SyncedCollection::direct(collection.parse()?));
    let status = Arc::new(StatusDatabase::open_or_create(status)?);
    let operations = resolve_conflicts(Plan::new(pair, Some(status.clone())).await?, KeepSideResolver(Side::A));
    let executor = Executor::new(folder, server, status).with_concurrency(concurrency);
    let mut failed = 0;
    let mut done = operations
        .map(|operation| async { Ok::<_, Box<dyn Error>>(executor.execute_operation(operation?).await?) })
        .buffer_unordered(concurrency)
        .boxed_local();
    while let Some(result) = done.next().await {
        if let Err(why) = result? {
            eprintln!("{why}");
            failed += 1;
        }
    }
    if failed > 0 { Err(format!("{failed} operations failed").into()) } else { Ok(()) }
}
