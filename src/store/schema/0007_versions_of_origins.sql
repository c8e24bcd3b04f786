-- An update whose answer was lost says in which version its origin was seen: if that is older later, a backup was put back.
ALTER TABLE intent ADD COLUMN origin_version TEXT;
