//! Brings the rollout status of Kubernetes objects to GitHub Deployments.
//!
//! The way of the data is the way through the modules: [`source`] reads GitHubDeployment objects and what they
//! name, [`kstatus`] computes the health of an object and [`extract`] its git ref, [`plan`] compares what is
//! wanted with what [`github`] has, `github` writes the difference, and [`report`] tells about it.
//! [`sync::run_once`] is that way, line by line; [`doctor`] looks at what it needs; [`cli`] is what a user types.

pub mod cli;
pub mod crd;
pub mod doctor;
pub mod extract;
pub mod github;
mod http_date;
pub mod kstatus;
pub mod plan;
pub mod report;
pub mod source;
pub mod sync;
mod text;
