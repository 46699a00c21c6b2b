use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use tidemill_store::Snapshot;

use super::form::Form;
use super::plan::{NativePlan, NativeQuery};

/// The most statements that are remembered.
const MAX_STATEMENTS: usize = 256;
/// Of one form no more: what differs is another text each time.
const MAX_OF_A_FORM: usize = 16;
/// Statements with more columns are not remembered.
const MAX_COLUMNS: usize = 256;
/// Longer statements are not remembered.
const MAX_STATEMENT_BYTES: usize = 4096;

/// Recognised statements by their form: the same ones are asked again and again, about other hosts and hours, and
/// planning takes longer than answering.
///
/// A plan is remembered, never an answer: conditions on times and tags are made anew from the literals of each
/// statement, by the code that made them first.
#[derive(Debug, Default)]
pub(crate) struct PlanCache {
    forms: Mutex<Forms>,
}

/// Two generations: what was not asked for while the younger one grew full is forgotten.
#[derive(Debug, Default)]
struct Forms {
    young: HashMap<String, Vec<Remembered>>,
    old: HashMap<String, Vec<Remembered>>,
    /// How many statements the younger has.
    young_len: usize,
}

/// A statement that was recognised.
#[derive(Clone, Debug)]
struct Remembered {
    plan: Arc<NativePlan>,
    literals: Arc<[Literal]>,
}

/// A text literal of a statement.
#[derive(Debug)]
enum Literal {
    /// The plan depends on it, nobody knows how.
    Fixed(String),
    /// It stands in one of the plan's conditions, and nowhere else.
    Free(String),
}

impl PlanCache {
    /// The plan of a statement of this form, with this one's conditions, if its table has still the schema that it was planned for.
    pub(crate) fn get(&self, sql: &str, snapshot: &Snapshot) -> Option<NativeQuery> {
        if sql.len() > MAX_STATEMENT_BYTES {
            return None;
        }
        let form = Form::of(sql);
        let remembered = self.forms().find(&form)?;
        let table = &remembered.plan.table.stored;
        let is_current = Arc::ptr_eq(&snapshot.table(&table.name)?.shared_schema(), table);
        if is_current { remembered.with(&form.literals) } else { None }
    }

    /// Remembers a statement whose answer depends on nothing but its text and the data. `replan` gives the native plan of
    /// another statement.
    pub(crate) fn put(
        &self,
        sql: &str,
        logical: &LogicalPlan,
        plan: &Arc<NativePlan>,
        replan: impl FnOnce(&str) -> Option<NativePlan>,
    ) {
        let (Some(whole), Some(conditions)) =
            (Census::of_plan(logical), Census::of_exprs(&plan.conditions))
        else {
            return;
        };
        let is_small =
            sql.len() <= MAX_STATEMENT_BYTES && plan.schema.fields().len() <= MAX_COLUMNS;
        // What `now()` says is asked anew for each query, in its conditions only.
        if !is_small || whole.unsteady_calls != conditions.unsteady_calls {
            return;
        }
        let form = Form::of(sql);
        if self.forms().is_full(&form, plan) {
            return;
        }
        let remembered = Remembered::new(&form, &conditions, plan, replan);
        self.forms().push(form.text, remembered);
    }

    fn forms(&self) -> MutexGuard<'_, Forms> {
        self.forms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Forms {
    fn find(&mut self, form: &Form<'_>) -> Option<Remembered> {
        let found = |of: &HashMap<String, Vec<Remembered>>| {
            of.get(&form.text)?.iter().find(|one| one.fits(&form.literals)).cloned()
        };
        if let Some(remembered) = found(&self.young) {
            return Some(remembered);
        }
        let remembered = found(&self.old)?;
        self.push(form.text.clone(), remembered.clone());
        Some(remembered)
    }

    /// Whether so many of the form are remembered that the next are hardly asked for again. Those of older schemas go.
    fn is_full(&mut self, form: &Form<'_>, plan: &NativePlan) -> bool {
        let Some(same) = self.young.get_mut(&form.text) else { return false };
        let before = same.len();
        same.retain(|one| Arc::ptr_eq(&one.plan.table.stored, &plan.table.stored));
        let after = same.len();
        self.young_len = self.young_len + after - before;
        after >= MAX_OF_A_FORM
    }

    fn push(&mut self, text: String, remembered: Remembered) {
        if self.young_len >= MAX_STATEMENTS / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_len = 0;
        }
        self.young.entry(text).or_default().push(remembered);
        self.young_len += 1;
    }
}

impl Remembered {
    /// A literal is free if planning says so: the statement is planned again with others in the place of all that
    /// stand, once each, in the conditions, and must come out the same but for these. If it does not (a text may be a
    /// name, an interval, a part of what the planner makes of a word), none is.
    fn new(
        form: &Form<'_>,
        conditions: &Census,
        plan: &Arc<NativePlan>,
        replan: impl FnOnce(&str) -> Option<NativePlan>,
    ) -> Self {
        let mut times: HashMap<&str, usize> = HashMap::new();
        form.literals.iter().for_each(|literal| *times.entry(literal).or_default() += 1);
        let is_candidate = |literal: &str| times[literal] == 1 && conditions.times(literal) == 1;
        let longest = form.literals.iter().map(|literal| literal.len()).max().unwrap_or_default();
        let other = |(place, literal): (usize, &Cow<'_, str>)| -> Cow<'_, str> {
            match is_candidate(literal) {
                // Longer than any text of the statement.
                true => format!("{place:0$}", form.text.len() + longest + 1).into(),
                false => literal.clone().into_owned().into(),
            }
        };
        let others: Vec<Cow<'_, str>> = form.literals.iter().enumerate().map(other).collect();
        let back: HashMap<&str, &str> = others
            .iter()
            .zip(&form.literals)
            .filter(|(other, own)| other != own)
            .map(|(other, own)| (other.as_ref(), own.as_ref()))
            .collect();
        let replanned = if back.is_empty() { None } else { replan(&form.with(&others)) };
        let is_same = replanned.is_some_and(|other| {
            let conditions = replace_all(&other.conditions, &back);
            conditions.as_ref() == Some(&plan.conditions) && plan.is_same_but_for_conditions(&other)
        });
        let literal = |literal: &Cow<'_, str>| match is_same && is_candidate(literal) {
            true => Literal::Free(literal.clone().into_owned()),
            false => Literal::Fixed(literal.clone().into_owned()),
        };
        Self { plan: Arc::clone(plan), literals: form.literals.iter().map(literal).collect() }
    }

    /// Whether the plan is that of a statement of the same form with these literals.
    fn fits(&self, literals: &[Cow<'_, str>]) -> bool {
        let fits = |(own, other): (&Literal, &Cow<'_, str>)| match own {
            Literal::Fixed(own) => own == other,
            Literal::Free(_) => true,
        };
        self.literals.len() == literals.len() && self.literals.iter().zip(literals).all(fits)
    }

    /// The query with these literals, if its conditions can still be said exactly: a text may be no time.
    fn with(&self, literals: &[Cow<'_, str>]) -> Option<NativeQuery> {
        let replaced = self.literals.iter().zip(literals).filter_map(|(own, other)| match own {
            Literal::Free(own) if own != other => Some((own.as_str(), other.as_ref())),
            _ => None,
        });
        let conditions = replace_all(&self.plan.conditions, &replaced.collect())?;
        NativeQuery::new(&self.plan, &conditions)
    }
}

fn replace_all(exprs: &[Expr], texts: &HashMap<&str, &str>) -> Option<Vec<Expr>> {
    exprs.iter().map(|expr| replace(expr.clone(), texts)).collect()
}

/// An expression with other texts in the place of some.
fn replace(expr: Expr, texts: &HashMap<&str, &str>) -> Option<Expr> {
    if texts.is_empty() {
        return Some(expr);
    }
    let replaced = expr.transform(|expr| {
        let Expr::Literal(ScalarValue::Utf8(Some(text)), _) = &expr else {
            return Ok(Transformed::no(expr));
        };
        Ok(match texts.get(text.as_str()) {
            Some(other) => {
                let value = ScalarValue::Utf8(Some((*other).to_owned()));
                Transformed::yes(Expr::Literal(value, None))
            }
            None => Transformed::no(expr),
        })
    });
    replaced.ok().map(|replaced| replaced.data)
}

/// What decides whether a plan can be used again.
#[derive(Default)]
struct Census {
    /// Its text literals, and how often each is there.
    texts: HashMap<String, usize>,
    /// Calls of functions that may say something else the next time, such as `now()`.
    unsteady_calls: usize,
}

impl Census {
    fn of_plan(plan: &LogicalPlan) -> Option<Self> {
        let mut census = Self::default();
        let visited = plan.apply(|node| node.apply_expressions(|expr| census.add(expr)));
        visited.is_ok().then_some(census)
    }

    fn of_exprs(exprs: &[Expr]) -> Option<Self> {
        let mut census = Self::default();
        exprs.iter().all(|expr| census.add(expr).is_ok()).then_some(census)
    }

    fn add(&mut self, expr: &Expr) -> datafusion::common::Result<TreeNodeRecursion> {
        expr.apply(|part| {
            match part {
                Expr::Literal(ScalarValue::Utf8(Some(text)), _) => {
                    *self.texts.entry(text.clone()).or_default() += 1;
                }
                Expr::ScalarFunction(call) => {
                    let is_steady = call.func.signature().volatility == Volatility::Immutable;
                    self.unsteady_calls += usize::from(!is_steady);
                }
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })
    }

    fn times(&self, text: &str) -> usize {
        self.texts.get(text).copied().unwrap_or_default()
    }
}
