//! Limits of the App itself, which asks for the tokens.

use std::time::Duration;

use github_emulator::{Access, Fault, FaultKind, OperationKind};
use tokio::time::Instant;

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn the_end_of_a_limit_is_waited_for_and_not_tried() {
    let usual = [
        "GetOrganizationInstallation 200",
        "CreateAccessToken 201",
        "GraphQlQuery 200",
    ];
    let rows = [
        (OperationKind::GetOrganizationInstallation, FaultKind::RateLimitPrimary),
        (OperationKind::CreateAccessToken, FaultKind::RateLimitPrimary),
        (
            OperationKind::CreateAccessToken,
            FaultKind::RateLimitSecondary { retry_after: Some(60) },
        ),
    ];
    for (operation, kind) in rows {
        let world = World::new();
        world.emulator.add_repository("shop/app").private();
        world.emulator.install("shop", Access::default());
        world.emulator.inject(Fault::on(operation, kind.clone()));
        let begin = Instant::now();
        assert_eq!(world.tell(&["shop/app"]).await, ["ok"], "{kind:?}");
        // Whoever tried all the time would use up GraphQL's points of a minute, and wait for those too.
        assert_eq!(begin.elapsed(), Duration::from_secs(60), "{operation} {kind:?}");
        let asked = world.asked();
        let refused = asked
            .iter()
            .filter(|asked| asked.ends_with(" 403") || asked.ends_with(" 429"));
        assert_eq!(refused.count(), 1, "{asked:?}");
        let answered: Vec<&String> = asked.iter().filter(|asked| asked.contains(" 20")).collect();
        assert_eq!(answered, usual, "{operation} {kind:?}");
    }
}
