//! Jobs by their conditions `Complete`, `Failed` and `Suspended`.

use super::{
    Health,
    fields::{Condition, Object, Unreadable},
};

pub(super) fn job(object: Object<'_>, conditions: &[Condition<'_>]) -> Result<Health, Unreadable> {
    let parallelism = object.integer("spec.parallelism")?.unwrap_or(1);
    let completions = object.integer("spec.completions")?.unwrap_or(parallelism);
    let succeeded = object.integer("status.succeeded")?.unwrap_or(0);
    let active = object.integer("status.active")?.unwrap_or(0);
    let failed = object.integer("status.failed")?.unwrap_or(0);
    let start_time = object.text("status.startTime")?.unwrap_or_default();
    let suspended = object.boolean("spec.suspend")?.unwrap_or(false);

    for condition in conditions {
        if condition.is("Complete", "True") {
            return Ok(Health::current(format!(
                "Job Completed. succeeded: {succeeded}/{completions}"
            )));
        }
        if condition.is("Failed", "True") {
            return Ok(Health::failed(format!("Job Failed. failed: {failed}/{completions}")));
        }
        // The condition stays for a moment after the Job was resumed.
        if suspended && condition.is("Suspended", "True") {
            return Ok(Health::current("Job is suspended"));
        }
    }
    if start_time.is_empty() {
        return Ok(Health::in_progress("Job not started"));
    }
    Ok(Health::in_progress(format!(
        "Job in progress. success:{succeeded}, active: {active}, failed: {failed}"
    )))
}
