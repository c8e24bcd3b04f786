//! What stood on a side before a write, sealed: customers' content lies in the database in no other form.

use crate::SqlStore;
use crate::base::{Builder, Connection, ROWS_A_STATEMENT, Row, broken};
use crate::codes::{Code as _, millis, pair_bytes, pair_id, time};
use riva_core::history::{ImageRow, UndoSpan};
use riva_core::ids::MemberId;
use riva_core::item::{Item, Module};
use riva_core::ports::StoreError;
use riva_core::rows::{Hashes, IntentKind, Side};
use riva_core::secrets::DataKey;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use uuid::Uuid;

/// What is sealed of an image.
#[derive(Default, Serialize, Deserialize)]
struct Content {
    title: String,
    before: Option<Item>,
    sends: Hashes,
    left: Option<Hashes>,
}

/// An image, ready to be stored.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    row: ImageRow,
    content: Vec<u8>,
}

/// Seals images.
pub(crate) fn seal(key: &DataKey, images: &[ImageRow]) -> Result<Vec<Sealed>, StoreError> {
    images
        .iter()
        .map(|image| {
            let ImageRow { title, before, sends, left, .. } = image.clone();
            let content = serde_json::to_vec(&Content { title, before, sends, left }).map_err(broken)?;
            let content = key.seal(image.id.as_bytes(), &content);
            let content = content.ok_or_else(|| broken("an image could not be sealed"))?;
            let row = ImageRow {
                title: String::new(),
                before: None,
                sends: Hashes::default(),
                left: None,
                ..*image
            };
            Ok(Sealed { row, content })
        })
        .collect()
}

/// Stores sealed images.
pub(crate) async fn put(connection: &mut Connection, images: &[Sealed]) -> Result<(), StoreError> {
    for images in images.chunks(ROWS_A_STATEMENT) {
        let mut upsert = Builder::new(
            "INSERT INTO image (id, member, module, pair, side, cycle, at, kind, undone, sealed) ",
        );
        upsert.push_values(images, |mut row, image| {
            row.push_bind(image.row.id.as_bytes().to_vec())
                .push_bind(image.row.member.0)
                .push_bind(image.row.module.code())
                .push_bind(pair_bytes(image.row.pair))
                .push_bind(image.row.side.code())
                .push_bind(image.row.cycle.cast_signed())
                .push_bind(millis(image.row.at))
                .push_bind(image.row.kind.code())
                .push_bind(i64::from(image.row.not_made))
                .push_bind(image.content.clone());
        });
        upsert.push(" ON CONFLICT (id) DO UPDATE SET undone = excluded.undone, sealed = excluded.sealed");
        upsert.build().execute(&mut *connection).await.map_err(broken)?;
    }
    Ok(())
}

impl SqlStore {
    /// Images of a member, in the order of their writes. (Earlier versions marked those as undone that an undo had taken back.)
    pub(crate) async fn images_of(
        &self,
        member: MemberId,
        span: UndoSpan,
    ) -> Result<Vec<ImageRow>, StoreError> {
        let (from, cycle) = match span {
            UndoSpan::Since(at) => (millis(at), None),
            UndoSpan::Cycle(number) => (i64::MIN, Some(number.cast_signed())),
        };
        let select = "SELECT id, member, module, pair, side, cycle, at, kind, sealed FROM image \
                      WHERE member = $1 AND undone = 0 AND at >= $2 AND ($3 IS NULL OR cycle = $3) \
                      ORDER BY at, id";
        let select = sqlx::query(select).bind(member.0).bind(from).bind(cycle);
        let rows = select.fetch_all(&self.reads).await.map_err(broken)?;
        rows.iter().map(|row| self.image(row)).collect()
    }

    fn image(&self, row: &Row) -> Result<ImageRow, StoreError> {
        let id = Uuid::from_slice(row.try_get("id").map_err(broken)?).map_err(broken)?;
        let sealed: &[u8] = row.try_get("sealed").map_err(broken)?;
        let cycle: i64 = row.try_get("cycle").map_err(broken)?;
        // Sealed with a key that is lost: it happened, but what it was is not known.
        let opened = self.key.as_ref().and_then(|key| key.open(id.as_bytes(), sealed));
        let content: Content = match opened {
            Some(content) => serde_json::from_slice(&content).map_err(broken)?,
            None => Content { title: "(an item that cannot be opened)".into(), ..Content::default() },
        };
        Ok(ImageRow {
            id,
            member: MemberId(row.try_get("member").map_err(broken)?),
            module: Module::from_code(row.try_get("module").map_err(broken)?)?,
            pair: pair_id(row.try_get("pair").map_err(broken)?)?,
            side: Side::from_code(row.try_get("side").map_err(broken)?)?,
            cycle: cycle.cast_unsigned(),
            at: time(row.try_get("at").map_err(broken)?)?,
            kind: IntentKind::from_code(row.try_get("kind").map_err(broken)?)?,
            title: content.title,
            before: content.before,
            sends: content.sends,
            left: content.left,
            not_made: false,
        })
    }
}
