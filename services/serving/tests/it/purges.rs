//! A purge reaches every node the way a change of the configuration does, and what it means is asked for anew.

use limpid_dashboard_api::commands::{create_origin, create_tenant, purge_caches};
use limpid_domain::clock::Clock;
use limpid_domain::ids::{NodeId, PurgeId, TenantSeq};
use limpid_domain::tenant::CreateTenant;
use limpid_event_store::spool::SpoolConfig;
use limpid_read_models::purges::{self, PurgeStatus};
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};

use crate::client;
use crate::stack::{Node, Stack, eventually, origin_draft, web_folder};

/// A stack whose time stands still, so that nothing is forgotten by itself.
async fn stack() -> Stack {
    let clock = Clock::fixed(Clock::system().now());
    Stack::start_with(|config| config.clock = clock).await
}

async fn purge(stack: &Stack, target: &str) -> PurgeId {
    let url = format!("https://images.example{target}");
    let purged = purge_caches(&stack.context(), stack.tenant_id(), &[url]).await;
    purged.unwrap().remove(0).unwrap()
}

async fn status(stack: &Stack, id: PurgeId) -> PurgeStatus {
    let mut tx = stack.database.tenant_tx(stack.tenant_id()).await.unwrap();
    let status = purges::purge_status(&mut tx, id).await.unwrap();
    status.unwrap()
}

async fn completed(stack: &Stack, id: PurgeId) {
    eventually("the purge to be completed", async || {
        (status(stack, id).await == PurgeStatus::Completed).then_some(())
    })
    .await;
}

/// Asks for a picture and gives how often the origin has been asked for its file.
async fn asked(stack: &Stack, target: &str, file: &str) -> usize {
    let answer = stack.get(target).await;
    assert_eq!(
        answer.status,
        200,
        "{target}: {}",
        answer.header("ik-error")
    );
    stack.origin.hits(file)
}

#[tokio::test]
async fn after_a_purge_the_next_request_reaches_the_origin_and_other_urls_do_not() {
    let stack = stack().await;
    for _ in 0..2 {
        assert_eq!(
            asked(&stack, "/demo/tr:w-30/a/photo.jpg", "/a/photo.jpg").await,
            1
        );
    }
    assert_eq!(
        asked(&stack, "/demo/tr:w-40/a/photo.jpg", "/a/photo.jpg").await,
        2
    );
    assert_eq!(
        asked(&stack, "/demo/a/photo.jpg?tr=w-30&v=1", "/a/photo.jpg?v=1").await,
        1
    );
    let id = purge(&stack, "/demo/tr:w-30/a/photo.jpg").await;
    completed(&stack, id).await;
    assert_eq!(
        asked(&stack, "/demo/tr:w-40/a/photo.jpg", "/a/photo.jpg").await,
        2
    );
    assert_eq!(
        asked(&stack, "/demo/a/photo.jpg?tr=w-30&v=1", "/a/photo.jpg?v=1").await,
        1
    );
    for _ in 0..2 {
        assert_eq!(
            asked(&stack, "/demo/tr:w-30/a/photo.jpg", "/a/photo.jpg").await,
            3
        );
    }
    let id = purge(&stack, "/demo/a/photo.jpg*").await;
    completed(&stack, id).await;
    assert_eq!(
        asked(&stack, "/demo/a/photo.jpg?tr=w-30&v=1", "/a/photo.jpg?v=1").await,
        2
    );
    assert_eq!(
        asked(&stack, "/demo/tr:w-30/a/photo.jpg", "/a/photo.jpg").await,
        3
    );
}

#[tokio::test]
async fn a_wildcard_means_everything_that_begins_so_and_leaves_other_accounts_alone() {
    let stack = stack().await;
    let create = CreateTenant {
        imagekit_id: "other".parse().unwrap(),
        name: "Other".to_owned(),
    };
    let other = create_tenant(&stack.context(), create).await.unwrap();
    let base = format!("{}/others", stack.origin.base_url());
    let draft = origin_draft(web_folder("zoo", &base));
    create_origin(&stack.context(), other.tenant_id, draft)
        .await
        .unwrap();
    eventually("the other account to be known", async || {
        let answer = stack.get("/other/tr:w-30/pets/photo.jpg").await;
        (answer.status == 200).then_some(())
    })
    .await;
    let of_other = stack.origin.hits("/others/pets/photo.jpg");
    let files = ["/pets/small/photo.jpg", "/pets/photo.jpg", "/zoo/photo.jpg"];
    for file in files {
        asked(&stack, &format!("/demo{file}?tr=w-30"), file).await;
    }
    let id = purge(&stack, "/demo/pets/photo*").await;
    completed(&stack, id).await;
    let mut again = Vec::new();
    for file in files {
        again.push(asked(&stack, &format!("/demo{file}?tr=w-30"), file).await);
    }
    assert_eq!(again, [1, 2, 1]);
    let target = "/other/tr:w-30/pets/photo.jpg";
    assert_eq!(
        asked(&stack, target, "/others/pets/photo.jpg").await,
        of_other
    );
    let context = stack.context();
    let url = "https://images.example/demo/a.jpg".to_owned();
    let foreign = purge_caches(&context, other.tenant_id, &[url]).await;
    assert!(foreign.unwrap().remove(0).is_err());
}

#[tokio::test]
async fn a_purge_empties_the_negative_cache_at_once() {
    let stack = stack().await;
    let missing = Script::response(404, &[], b"");
    stack.origin.answer("/late.jpg", missing);
    let photo = Script::ok("image/jpeg", PHOTO_JPEG);
    for _ in 0..3 {
        assert_eq!(stack.get("/demo/tr:w-30/late.jpg").await.status, 404);
    }
    stack
        .origin
        .judge(move |request| (request.target == "/late.jpg").then(|| photo.clone()));
    assert_eq!(stack.get("/demo/tr:w-30/late.jpg").await.status, 404);
    assert_eq!(stack.origin.hits("/late.jpg"), 1);
    let id = purge(&stack, "/demo/tr:w-30/late.jpg").await;
    completed(&stack, id).await;
    assert_eq!(stack.get("/demo/tr:w-30/late.jpg").await.status, 200);
}

#[tokio::test]
async fn what_was_purged_does_not_stand_in_for_an_origin_that_is_down() {
    let stack = stack().await;
    let files = ["/purged/photo.jpg", "/kept/photo.jpg"];
    for file in files {
        asked(&stack, &format!("/demo/tr:w-30{file}"), file).await;
    }
    let id = purge(&stack, "/demo/tr:w-30/purged/photo.jpg").await;
    completed(&stack, id).await;
    stack
        .origin
        .judge(|_| Some(Script::response(503, &[], b"")));
    let statuses = files.map(async |file| stack.get(&format!("/demo/tr:w-50{file}")).await);
    let answers = futures::future::join_all(statuses).await;
    assert_eq!(answers[0].header("ik-error-reason"), "origin_overloaded");
    assert_eq!(
        answers[1].header("ik-warning"),
        "stale; reason=origin_overloaded"
    );
}

#[tokio::test]
async fn a_purge_is_completed_when_every_node_that_runs_has_applied_it() {
    let stack = stack().await;
    let directory = tempfile::tempdir().unwrap();
    let mut config = stack.config.clone();
    config.spool = SpoolConfig::new(directory.path().join("spool"));
    config.snapshot_path = directory.path().join("snapshot");
    let second = Node::start(config.clone()).await;
    let target = "/demo/tr:w-30/photo.jpg";
    let nodes = [stack.node.address, second.address];
    for node in nodes {
        assert_eq!(client::get(node, target).await.status, 200);
    }
    // A third one has said that it runs and nothing more.
    let silent = NodeId(7);
    purges::note_node(&stack.database, silent, false)
        .await
        .unwrap();
    let id = purge(&stack, target).await;
    eventually("both nodes to ask the origin again", async || {
        for node in nodes {
            client::get(node, target).await;
        }
        (stack.origin.hits("/photo.jpg") == 4).then_some(())
    })
    .await;
    assert_eq!(status(&stack, id).await, PurgeStatus::Pending);
    let all = [(stack.tenant_id(), TenantSeq(i64::MAX))].into();
    purges::note_applied(&stack.database, silent, &all)
        .await
        .unwrap();
    completed(&stack, id).await;

    // One that stopped holds nothing, and begins with nothing.
    second.stop().await;
    let id = purge(&stack, target).await;
    completed(&stack, id).await;
    let again = Node::start(config).await;
    completed(&stack, id).await;
    let before = stack.origin.hits("/photo.jpg");
    assert_eq!(client::get(again.address, target).await.status, 200);
    assert_eq!(stack.origin.hits("/photo.jpg"), before + 1);
    let id = purge(&stack, target).await;
    completed(&stack, id).await;
    assert_eq!(client::get(again.address, target).await.status, 200);
    assert_eq!(stack.origin.hits("/photo.jpg"), before + 2);
}

#[tokio::test]
async fn another_spelling_of_a_purged_url_is_made_anew() {
    let stack = stack().await;
    let file = "/a~b/photo.jpg";
    let spellings = [
        "/demo/tr:w-30,h-40/a~b/photo.jpg",
        "/demo/a~b/photo.jpg?tr=h-40,w-30",
        "/demo//a~b/photo.jpg?ik-attachment=true&tr=w-30%2Ch-40",
    ];
    let other = "/demo/tr:w-31/a~b/photo.jpg";
    for target in spellings.into_iter().chain([other]) {
        asked(&stack, target, file).await;
    }
    for purged_as in spellings {
        let before = stack.origin.hits(file);
        let id = purge(&stack, purged_as).await;
        completed(&stack, id).await;
        // one picture, whichever way it is asked for
        for target in spellings {
            assert_eq!(asked(&stack, target, file).await, before + 1, "{purged_as}");
        }
        assert_eq!(asked(&stack, other, file).await, before + 1);
    }
}

#[tokio::test]
async fn what_shows_a_purged_file_in_a_layer_is_made_anew() {
    let stack = stack().await;
    let with_layer = "/demo/tr:w-50,l-image,i-brand@@photo.jpg,w-9,l-end/under/photo.jpg";
    let without = "/demo/tr:w-50/under/photo.jpg";
    let (layer, under) = ("/brand/photo.jpg", "/under/photo.jpg");
    for _ in 0..2 {
        asked(&stack, without, under).await;
        assert_eq!(asked(&stack, with_layer, layer).await, 1);
    }
    let before = stack.origin.hits(under);
    // a picture made of the layer's file is another URL
    let id = purge(&stack, "/demo/tr:w-9/brand/photo.jpg").await;
    completed(&stack, id).await;
    assert_eq!(asked(&stack, with_layer, layer).await, 1);
    let id = purge(&stack, "/demo/brand/photo.jpg").await;
    completed(&stack, id).await;
    for _ in 0..2 {
        assert_eq!(asked(&stack, with_layer, layer).await, 2);
    }
    assert_eq!(asked(&stack, without, under).await, before + 1);
}
