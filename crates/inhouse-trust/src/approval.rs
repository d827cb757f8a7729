//! What an agent may do without asking anybody: the operator's rules on its tools.

/// What becomes of a tool that an agent wants to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be used.
    Allow,
    /// It may not, whatever anybody says.
    Deny,
    /// Somebody is asked.
    Ask,
}

/// The operator's rules for one agent. What none of them names is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Approvals {
    allow: Vec<Rule>,
    ask: Vec<Rule>,
    deny: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    tool: String,
    subject: Option<String>,
}

/// What stands among the rules and is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a tool, or a tool with a pattern of what it acts on, such as \"Read\" or \"Bash(git status*)\"")]
pub struct NotARule;

impl Approvals {
    /// Adds a rule for what `verdict` says.
    ///
    /// # Errors
    /// [`NotARule`].
    pub fn add(&mut self, verdict: Verdict, rule: &str) -> Result<(), NotARule> {
        let (tool, subject) = match rule.split_once('(') {
            Some((tool, rest)) => (tool, Some(rest.strip_suffix(')').ok_or(NotARule)?.to_owned())),
            None => (rule, None),
        };
        if tool.is_empty() || tool.contains(|c: char| c.is_whitespace() || c == ')') {
            return Err(NotARule);
        }
        let rules = match verdict {
            Verdict::Allow => &mut self.allow,
            Verdict::Ask => &mut self.ask,
            Verdict::Deny => &mut self.deny,
        };
        rules.push(Rule { tool: tool.to_owned(), subject });
        Ok(())
    }

    /// Whether there is anything that must be asked or is denied: then each use of a tool has to be judged.
    pub fn restrict(&self) -> bool {
        !(self.ask.is_empty() && self.deny.is_empty())
    }

    /// What the rules say of a tool, and of what it would act on: a command, a path, an address. The strictest rule decides. In
    /// what is allowed, `*` stands neither for the end of one command and the beginning of another, nor for a way out of a folder.
    pub fn judge(&self, tool: &str, subject: &str) -> Verdict {
        let any = |rules: &[Rule], fits: &dyn Fn(&str) -> bool| {
            let is_of = |rule: &Rule| matches(&rule.tool, tool, &|_| true);
            rules.iter().any(|rule| is_of(rule) && rule.subject.as_deref().is_none_or(fits))
        };
        let at_all = |pattern: &str| matches(pattern, subject, &|_| true);
        // As a shell reads it, without quotes; and what it may expand to is not known.
        let bare: String = subject.chars().filter(|c| !"\\'\"".contains(*c)).collect();
        let hides = |name: &str| name.contains('{') || name.starts_with('.') && name.contains(['*', '?', '[']);
        let leads_out = bare.split(['/', '=', ' ']).any(|name| name.ends_with("..") || hides(name));
        let is_plain = |c: char| !leads_out && !c.is_control() && !";&|<>$`()".contains(c);
        let stays = |pattern: &str| !names_folder(pattern) || elsewhere(&bare) <= elsewhere(pattern);
        match () {
            () if any(&self.deny, &at_all) => Verdict::Deny,
            () if any(&self.ask, &at_all) => Verdict::Ask,
            () if any(&self.allow, &|pattern| matches(pattern, subject, &is_plain) && stays(pattern)) => Verdict::Allow,
            () => Verdict::Ask,
        }
    }
}

/// Whether a star stands for what is in a folder.
fn names_folder(pattern: &str) -> bool {
    pattern.split_whitespace().any(|word| word.split_once('*').is_some_and(|(before, _)| before.contains('/')))
}

/// How many words are paths from the root or a home, or options that may hold one.
fn elsewhere(text: &str) -> usize {
    let leads = |word: &&str| word.starts_with(['/', '~']) || word.starts_with('-') && word.contains('/');
    text.split_whitespace().filter(leads).count()
}

/// Whether `pattern` is the whole `text`, where each `*` stands for any characters that `may` stand there.
fn matches(pattern: &str, text: &str, may: &dyn Fn(char) -> bool) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut star: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let at = text.clone();
        match (pattern.next(), text.next()) {
            (Some('*'), _) => {
                text = at.clone();
                star = Some((pattern.clone(), at));
            }
            (Some(wanted), Some(found)) if wanted == found => {}
            (None, None) => return true,
            _ => {
                // The last star stands for one character more.
                let Some((after, from)) = &mut star else { return false };
                match from.next() {
                    Some(c) if may(c) => (pattern, text) = (after.clone(), from.clone()),
                    _ => return false,
                }
            }
        }
    }
}
