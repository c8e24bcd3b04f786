//! The one connection that writes, and group commit.
//!
//! Jobs that wait while a transaction is being written go into the next one together, several of them each in a savepoint
//! of its own: one that fails takes none of the others with it. Answers are given after the commit.

use crate::Work;
use crate::base::{Connection, broken};
use riva_core::ports::StoreError;
use sqlx::Connection as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Most jobs in one transaction: more would make the first one wait for long.
const MOST_JOBS: usize = 64;

/// Told to a job after the transaction: was it stored?
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What a job left behind in its savepoint.
enum Left {
    /// Keep it, answer after the commit.
    Keep(Answer),
    /// Take it back.
    TakeBack(Answer),
}

type Job =
    Box<dyn for<'c> FnOnce(&'c mut Connection) -> Pin<Box<dyn Future<Output = Left> + Send + 'c>> + Send>;

/// Hands jobs to the task that writes.
#[derive(Debug)]
pub(crate) struct Writer {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the task that owns the writing connection.
    pub(crate) fn start(connection: Connection) -> Self {
        let (jobs, waiting) = mpsc::channel(1024);
        let task = tokio::spawn(write_all(connection, waiting));
        Self { jobs: Mutex::new(Some(jobs)), task: Mutex::new(Some(task)) }
    }

    /// Runs a job and waits until it is stored.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Work<'c, T> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            Box::pin(async move {
                // Whoever asked may have gone: then the answer interests nobody.
                match work(connection).await {
                    Ok(value) => Left::Keep(Box::new(move |stored| drop(tell.send(stored.map(|()| value))))),
                    Err(e) => Left::TakeBack(Box::new(move |_| drop(tell.send(Err(e))))),
                }
            })
        });
        let jobs = self.jobs.lock().map_err(broken)?.clone();
        let closed = || StoreError::Broken("it is closed".into());
        jobs.ok_or_else(closed)?.send(job).await.map_err(|_| closed())?;
        told.await.map_err(|_| closed())?
    }

    /// Takes no more jobs, and waits for those it has.
    pub(crate) async fn close(&self) {
        if let Ok(mut jobs) = self.jobs.lock() {
            jobs.take();
        }
        let task = self.task.lock().ok().and_then(|mut task| task.take());
        if let Some(task) = task
            && let Err(e) = task.await
        {
            tracing::error!("the writer of the state database ended badly: {e}");
        }
    }
}

async fn write_all(mut connection: Connection, mut waiting: mpsc::Receiver<Job>) {
    let mut batch = Vec::with_capacity(MOST_JOBS);
    while waiting.recv_many(&mut batch, MOST_JOBS).await > 0 {
        let mut answers = Vec::with_capacity(batch.len());
        let stored = write_batch(&mut connection, batch.drain(..), &mut answers).await.map_err(broken);
        if let Err(e) = &stored {
            tracing::error!("a write to the state database failed: {e}");
            if connection.is_in_transaction()
                && let Err(e) = execute(&mut connection, "ROLLBACK").await
            {
                tracing::error!("the state database cannot roll back: {e}");
            }
        }
        for answer in answers {
            answer(stored.clone());
        }
    }
    if let Err(e) = connection.close().await {
        tracing::error!("the state database cannot be closed: {e}");
    }
}

async fn write_batch(
    connection: &mut Connection,
    mut batch: impl ExactSizeIterator<Item = Job>,
    answers: &mut Vec<Answer>,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    // A job that is alone needs no savepoint: SQLite would copy every page that it changes.
    if batch.len() == 1
        && let Some(job) = batch.next()
    {
        return match job(&mut transaction).await {
            Left::Keep(answer) => {
                answers.push(answer);
                transaction.commit().await
            }
            Left::TakeBack(answer) => {
                answers.push(answer);
                transaction.rollback().await
            }
        };
    }
    for job in batch {
        execute(&mut transaction, "SAVEPOINT job").await?;
        match job(&mut transaction).await {
            Left::Keep(answer) => answers.push(answer),
            Left::TakeBack(answer) => {
                answers.push(answer);
                execute(&mut transaction, "ROLLBACK TO job").await?;
            }
        }
        execute(&mut transaction, "RELEASE job").await?;
    }
    transaction.commit().await
}

async fn execute(connection: &mut Connection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(connection).await.map(drop)
}
