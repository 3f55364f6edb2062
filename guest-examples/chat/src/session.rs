//! What a conversation knows about its user: preferences, which stay, and the context of the session,
//! which can be cleared.

use greenroom_sdk::prelude::*;

/// Most topics, and the longest one in characters.
const TOPICS_MAX: usize = 20;
const TOPIC_CHARS_MAX: usize = 100;

/// How replies sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Warm.
    #[default]
    Friendly,
    /// No word too many.
    Concise,
    /// Polite.
    Formal,
}

/// What the user likes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// How replies sound.
    pub style: Style,
    /// What the user likes to talk about.
    pub topics: Vec<String>,
}

impl Preferences {
    /// Changes what is given.
    pub(crate) fn update(&mut self, style: Option<Style>, topics: Option<Vec<String>>) -> Result {
        let is_topic = |topic: &String| (1..=TOPIC_CHARS_MAX).contains(&topic.chars().count());
        if topics.as_ref().is_some_and(|topics| topics.len() > TOPICS_MAX || !topics.iter().all(is_topic)) {
            return Err(Failure::invalid_argument(format_args!(
                "argument `topics`: at most {TOPICS_MAX}, each of 1 to {TOPIC_CHARS_MAX} characters"
            )));
        }
        self.style = style.unwrap_or(self.style);
        if let Some(topics) = topics {
            self.topics = topics;
        }
        Ok(())
    }
}

/// What the responder may do with the current task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// Look at it.
    GetTask,
    /// Mark it done.
    UpdateStatus,
}

/// What the session is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionContext {
    /// The id of a `task` actor.
    pub current_task: Option<String>,
    /// What the responder may do with it.
    pub tools: Vec<Tool>,
}

impl Default for SessionContext {
    fn default() -> Self {
        SessionContext { current_task: None, tools: vec![Tool::GetTask] }
    }
}

impl SessionContext {
    /// Changes what is given.
    pub(crate) fn update(&mut self, current_task: Option<String>, tools: Option<Vec<Tool>>) -> Result {
        if current_task.as_deref().is_some_and(|id| !Address::is_id(id)) {
            return Err(Failure::invalid_argument("argument `current_task`: it can't be an actor's id"));
        }
        if current_task.is_some() {
            self.current_task = current_task;
        }
        if let Some(tools) = tools {
            self.tools.clear();
            for tool in tools {
                // Each once, so that what a caller sends can't make the state grow.
                if !self.tools.contains(&tool) {
                    self.tools.push(tool);
                }
            }
        }
        Ok(())
    }
}

/// Preferences, context and the number of messages.
#[derive(Debug, Serialize, Deserialize)]
pub struct SessionView {
    /// The actor's id.
    pub user: String,
    /// What the user likes.
    pub preferences: Preferences,
    /// What the session is about.
    pub context: SessionContext,
    /// Messages there ever were.
    pub messages: u64,
}
