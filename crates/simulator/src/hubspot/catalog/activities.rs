//! Notes and tasks.

use super::Kind;
use super::{Line, area, choice, line, moment, text};

pub(crate) const STATUSES: &[(&str, &str)] = &[
    ("NOT_STARTED", "Not started"),
    ("IN_PROGRESS", "In progress"),
    ("WAITING", "Waiting"),
    ("COMPLETED", "Completed"),
    ("DEFERRED", "Deferred"),
];

pub(crate) const TASK_PRIORITIES: &[(&str, &str)] = &[
    ("NONE", "None"),
    ("LOW", "Low"),
    ("MEDIUM", "Medium"),
    ("HIGH", "High"),
];

pub(crate) const TASK_TYPES: &[(&str, &str)] = &[("TODO", "To-do"), ("CALL", "Call"), ("EMAIL", "Email")];

pub(super) const NOTES: &[Line] = &[
    moment("hs_timestamp", "Activity date"),
    line("hs_note_body", "Note body", Kind::String, "html"),
    text("hs_body_preview", "Body preview").read_only(),
    text("hs_attachment_ids", "Attached file IDs"),
];

pub(super) const TASKS: &[Line] = &[
    moment("hs_timestamp", "Due date"),
    text("hs_task_subject", "Task title"),
    area("hs_task_body", "Notes"),
    choice("hs_task_status", "Task status", STATUSES),
    choice("hs_task_priority", "Priority", TASK_PRIORITIES),
    choice("hs_task_type", "Task type", TASK_TYPES),
    moment("hs_task_completion_date", "Completed at").read_only(),
    text("hs_task_reminders", "Reminders"),
];
