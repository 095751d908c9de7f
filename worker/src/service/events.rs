//! `POST /v1/events`: events that a store sends by itself.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode},
};
use recto_schemas::service::EventsView;
use serde::de::IgnoredAny;

use super::{
    Shared,
    keys::{Caller, Scope},
    problem::Problem,
};
use crate::events::intake::TakeError;

/// The type of an event in CloudEvents' binary mode (HTTP Protocol Binding 1.0.2, 3.1).
const CLOUD_EVENT: HeaderName = HeaderName::from_static("ce-type");

/// Takes events, in any of the shapes that are known.
pub(super) async fn take(
    State(service): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<EventsView>), Problem> {
    caller.needs(Scope::Events)?;
    let cloud_event = headers
        .get(CLOUD_EVENT)
        .and_then(|value| value.to_str().ok());
    let taken = match service.events.take(cloud_event, &body).await {
        Ok(taken) => taken,
        Err(TakeError::Busy) => return Err(Problem::busy(TakeError::Busy.to_string())),
        // A store that is refused an event sends it again, before all that come after it. This one never gets better.
        Err(TakeError::Unreadable(error))
            if serde_json::from_slice::<IgnoredAny>(&body).is_ok() =>
        {
            tracing::warn!(%error, key = caller.name(), "an event cannot be read");
            let view = EventsView {
                unreadable: 1,
                ..EventsView::default()
            };
            return Ok((StatusCode::ACCEPTED, Json(view)));
        }
        Err(error) => return Err(Problem::bad_request(error.to_string())),
    };
    let view = EventsView {
        submitted: taken.submitted,
        known: taken.known,
        ignored: taken.ignored,
        pending: taken.pending,
        unreadable: 0,
    };
    Ok((StatusCode::ACCEPTED, Json(view)))
}
