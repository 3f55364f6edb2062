//! Neither the callers of an actor nor the actors that it calls and sends to see which language it is
//! written in: the example `chat`, in Rust and in Python, has one conversation with the same users and
//! with a `task`, in Rust and in Go; and a conversation goes on where the other language left it.

use anyhow::Context as _;
use greenroom_tests::client::{Client, Reply, encode};
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::guests;
use greenroom_tests::host::Host;
use serde_json::{Value, json};

const CHATS: [&str; 2] = ["rust", "python"];
const TASKS: [&str; 2] = ["rust", "go"];

/// Messages of a conversation that are kept.
const KEPT: u64 = 50;

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_and_a_task_get_on_in_whatever_languages_they_are() -> anyhow::Result<()> {
    let host = Host::sharing_code(Settings::default()).await?;
    let shared = Chat { host: &host, user: "shared".to_owned() };
    let mut left = None;
    let mut round = 0;
    for task in TASKS {
        host.deploy("task", guests::component_in(task, "task")?).await?.expect(201);
        for chat in CHATS {
            host.deploy("chat", guests::component_in(chat, "chat")?).await?.expect(201);
            let pair = format!("{chat}-with-{task}");
            if let Some(left) = &left {
                assert_eq!(&shared.seen().await?, left, "{pair} lost what another left");
            }
            round += 1;
            shared.goes_on(round).await.context(pair.clone())?;
            left = Some(shared.seen().await?);

            let conversation = Chat { host: &host, user: format!("alice-{pair}") };
            conversation.is_about_a_task(&format!("report-{pair}")).await.context(pair.clone())?;
            conversation.refuses_what_is_wrong().await.context(pair.clone())?;
            conversation.hears_of_a_deadline(&format!("letter-{pair}")).await.context(pair.clone())?;
            conversation.keeps_the_latest().await.context(pair.clone())?;
        }
    }
    Ok(())
}

/// One user's conversation, as everybody outside sees it.
struct Chat<'a> {
    host: &'a Client,
    user: String,
}

impl Chat<'_> {
    async fn ask(&self, method: &str, arguments: Value) -> anyhow::Result<Reply> {
        self.host.call_json("chat", &self.user, method, &arguments).await
    }

    async fn answer(&self, method: &str, arguments: Value) -> anyhow::Result<Value> {
        Ok(self.ask(method, arguments).await?.expect(200).json())
    }

    /// What is replied to `text`.
    async fn reply(&self, text: &str) -> anyhow::Result<String> {
        let message = self.answer("process_message", json!(text)).await?;
        assert_eq!(message["role"], "assistant", "{message}");
        Ok(message["text"].as_str().unwrap_or_default().to_owned())
    }

    async fn history(&self) -> anyhow::Result<Vec<Value>> {
        Ok(self.ask("get_history", Value::Null).await?.expect(200).json())
    }

    async fn stored(&self, key: &str) -> anyhow::Result<Reply> {
        self.host.get(&format!("/v1/actors/chat/{}/-/state/{}", self.user, encode(key))).await
    }

    async fn seen(&self) -> anyhow::Result<Value> {
        Ok(json!([self.history().await?, self.answer("get_session", Value::Null).await?]))
    }

    /// Thirty messages more, in its `round`th language.
    async fn goes_on(&self, round: u64) -> anyhow::Result<()> {
        let topic = format!("topic {round}");
        self.answer("set_preferences", json!({ "topics": [topic] })).await?;
        for _ in 0..15 {
            assert_eq!(self.reply(&topic).await?, format!("Great! Let us talk about {topic}."));
        }
        let messages = 30 * round;
        let kept: Vec<u64> = (messages.saturating_sub(KEPT) + 1..=messages).collect();
        assert_eq!(sequences(&self.history().await?), kept);
        Ok(())
    }

    /// Ten messages, after which it is about no task any more.
    async fn is_about_a_task(&self, task: &str) -> anyhow::Result<()> {
        let mut session = json!({
            "user": self.user,
            "preferences": { "style": "friendly", "topics": [] },
            "context": { "current_task": null, "tools": ["get_task"] },
            "messages": 0,
        });
        assert_eq!(self.answer("get_session", Value::Null).await?, session);
        assert_eq!(self.reply("Hello").await?, "Thanks! Noted.");

        self.answer("set_preferences", json!({ "topics": ["Tea"] })).await?;
        session["preferences"] = json!({ "style": "concise", "topics": ["Tea"] });
        session["messages"] = json!(2);
        assert_eq!(self.answer("set_preferences", json!({ "style": "concise" })).await?, session);
        assert_eq!(self.reply("Some tea?").await?, "Let us talk about Tea.");

        let new = json!({ "title": "Write the report", "assignee": self.user });
        self.host.call_json("task", task, "create", &new).await?.expect(200);
        self.answer("set_context", json!({ "current_task": task })).await?;
        assert_eq!(self.reply("What is my task?").await?, format!("{task} “Write the report”: todo."));
        let forbidden = format!("I may not do that to {task}: the tool update_status is missing.");
        assert_eq!(self.reply("It is done.").await?, forbidden);
        let tools = json!(["get_task", "update_status", "get_task"]);
        let given = self.answer("set_context", json!({ "tools": tools })).await?;
        assert_eq!(given["context"]["tools"], json!(["get_task", "update_status"]));
        assert_eq!(self.reply("It is done!").await?, format!("{task} “Write the report”: done."));
        let done: Value = self.host.call_json("task", task, "get_task", &Value::Null).await?.json();
        assert_eq!(done["history"][0]["by"], format!("chat/{}", self.user), "{done}");

        session["messages"] = json!(10);
        assert_eq!(self.answer("clear_context", Value::Null).await?, session);
        let history = self.history().await?;
        assert_eq!(sequences(&history), (1..=10).collect::<Vec<_>>());
        let said: Vec<_> = history.iter().map(|message| &message["text"]).take(4).collect();
        assert_eq!(said, ["Hello", "Thanks! Noted.", "Some tea?", "Let us talk about Tea."]);
        Ok(())
    }

    async fn refuses_what_is_wrong(&self) -> anyhow::Result<()> {
        let before = self.seen().await?;
        let variants =
            "argument `style`: unknown variant `loud`, expected one of `friendly`, `concise`, `formal`";
        let overdue = json!({ "title": null, "deadline_ms": 1 });
        for (method, arguments, status, code, detail) in [
            ("process_message", json!(" "), 400, "invalid-argument", "a message has 1 to 4000 characters"),
            ("process_message", json!("x".repeat(4001)), 400, "invalid-argument", "a message has 1 to 4000"),
            ("process_message", json!(7), 400, "invalid-argument", "argument `text`: invalid type: "),
            ("process_message", Value::Null, 400, "invalid-argument", "argument `text`"),
            ("get_history", json!(-1), 400, "invalid-argument", "argument `limit`: invalid value: "),
            ("set_preferences", json!({ "style": "loud" }), 400, "invalid-argument", variants),
            (
                "set_preferences",
                json!({ "topics": [""] }),
                400,
                "invalid-argument",
                "at most 20, each of 1 to 100",
            ),
            ("set_preferences", json!({ "color": 1 }), 400, "invalid-argument", "unknown argument `color`"),
            (
                "set_context",
                json!({ "current_task": "" }),
                400,
                "invalid-argument",
                "it can't be an actor's id",
            ),
            ("set_context", json!({ "tools": ["fly"] }), 400, "invalid-argument", "unknown variant `fly`"),
            ("task_overdue", overdue, 403, "permission-denied", "only a task says that it is overdue"),
            ("dance", Value::Null, 501, "unimplemented", "no method `dance`"),
        ] {
            let problem = self.ask(method, arguments).await?.refused(status, code);
            assert!(problem.detail.contains(detail), "{method}: {} without {detail}", problem.detail);
        }
        assert_eq!(self.seen().await?, before);
        Ok(())
    }

    /// The eleventh message is sent by a task, which becomes the current one.
    async fn hears_of_a_deadline(&self, task: &str) -> anyhow::Result<()> {
        let new = json!({ "title": "Send the letter", "assignee": self.user });
        self.host.call_json("task", task, "create", &new).await?.expect(200);
        let soon = json!({ "in_ms": 100 });
        self.host.call_json("task", task, "set_deadline_reminder", &soon).await?.expect(200);
        let history = self.grows_to(11).await?;
        let note = &history[10];
        let words = format!("{task} “Send the letter” is overdue, since ");
        assert!(note["text"].as_str().is_some_and(|text| text.starts_with(&words)), "{note}");
        assert_eq!(note["role"], "note");
        assert_eq!(self.reply("My task?").await?, format!("{task} “Send the letter”: overdue."));

        let expected = json!({
            "preferences": { "style": "concise", "topics": ["Tea"] },
            "context": { "current_task": task, "tools": ["get_task"] },
            "messages": 13,
        });
        assert_eq!(self.stored("actor").await?.expect(200).json::<Value>(), expected);
        assert_eq!(self.stored("message/11").await?.expect(200).json::<Value>(), *note);
        Ok(())
    }

    /// Thirty messages that nobody waits for, in the order in which they were sent.
    async fn keeps_the_latest(&self) -> anyhow::Result<()> {
        let texts: Vec<String> = (0..30).map(|number| format!("number {number}")).collect();
        for text in &texts {
            let body = json!(text).to_string();
            self.host.tell("chat", &self.user, "process_message", None, body).await?.expect(202);
        }
        let history = self.grows_to(73).await?;
        assert_eq!(sequences(&history), (24..=73).collect::<Vec<_>>());
        let said: Vec<_> = history.iter().filter(|message| message["role"] == "user").collect();
        let said: Vec<_> = said.iter().filter_map(|message| message["text"].as_str()).collect();
        assert_eq!(said, texts[5..]);
        let last = self.answer("get_history", json!({ "limit": 2 })).await?;
        assert_eq!(last, json!(history[48..]));

        self.stored("message/23").await?.refused(404, "not-found");
        self.stored("message/24").await?.expect(200);
        Ok(())
    }

    /// The history, when the conversation has had so many messages.
    async fn grows_to(&self, messages: u64) -> anyhow::Result<Vec<Value>> {
        eventually(&format!("{} has {messages} messages", self.user), SOON, || async {
            let history = self.history().await.map_err(|error| error.to_string())?;
            match history.last() {
                Some(last) if last["sequence"] == messages => Ok(history),
                last => Err(format!("{last:?}")),
            }
        })
        .await
    }
}

fn sequences(history: &[Value]) -> Vec<u64> {
    history.iter().filter_map(|message| message["sequence"].as_u64()).collect()
}
