//! Every version of the schema. A database of an earlier one is brought to the newest when it is opened.

use std::borrow::Cow;
use std::sync::LazyLock;

use sqlx::SqlStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// The statements of a version, and the version.
macro_rules! migration {
    ($version:literal, $description:literal, $file:literal) => {
        ($version, $description, include_str!(concat!("../../migrations/", $file, ".sql")))
    };
}

const VERSIONS: [(i64, &str, &str); 9] = [
    migration!(1, "initial", "0001_initial"),
    migration!(2, "repeats and dead letters", "0002_repeats_and_dead_letters"),
    migration!(3, "settings and versions", "0003_settings_and_versions"),
    migration!(4, "checksums", "0004_checksums"),
    migration!(5, "retries", "0005_retries"),
    migration!(6, "reminder checksums", "0006_reminder_checksums"),
    migration!(7, "bodies last", "0007_bodies_last"),
    migration!(8, "bounded work", "0008_bounded_work"),
    migration!(9, "failures of mail", "0009_failures_of_mail"),
];

pub(crate) static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let of = |(version, description, sql)| {
        let sql = SqlStr::from_static(sql);
        Migration::new(version, Cow::Borrowed(description), MigrationType::Simple, sql, false)
    };
    Migrator::with_migrations(VERSIONS.map(of).into())
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_version_under_its_number() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                (name, std::fs::read_to_string(path).unwrap())
            })
            .collect();
        files.sort();
        let known = VERSIONS.map(|(version, description, sql)| {
            (format!("{version:04}_{}", description.replace(' ', "_")), sql.to_owned())
        });
        assert_eq!(files, known);
    }
}
