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

#[derive(Debug, Default)]
struct Forms {
    by_text: HashMap<String, Vec<Remembered>>,
    /// How many statements that is.
    len: usize,
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
        let remembered = self.forms().find(&form)?.clone();
        let table = &remembered.plan.table.stored;
        let is_current = Arc::ptr_eq(&snapshot.table(&table.name)?.shared_schema(), table);
        if is_current { remembered.with(&form.literals) } else { None }
    }

    /// Remembers a statement whose answer depends on nothing but its text and the data.
    pub(crate) fn put(&self, sql: &str, logical: &LogicalPlan, plan: &Arc<NativePlan>) {
        let (Some(whole), Some(conditions)) =
            (Census::of_plan(logical), Census::of_exprs(&plan.conditions))
        else {
            return;
        };
        // What `now()` says is asked anew for each query, in its conditions only.
        if sql.len() > MAX_STATEMENT_BYTES || whole.unsteady_calls != conditions.unsteady_calls {
            return;
        }
        let form = Form::of(sql);
        let literals = form
            .literals
            .iter()
            .map(|literal| Literal::new(literal, &form.literals, &whole, &conditions));
        let remembered = Remembered { plan: Arc::clone(plan), literals: literals.collect() };
        let mut forms = self.forms();
        // Forgetting all at once is rare, and simpler than knowing which was used last.
        if forms.len >= MAX_STATEMENTS {
            *forms = Forms::default();
        }
        // One of an older schema goes.
        let same = forms.by_text.entry(form.text).or_default();
        let before = same.len();
        same.retain(|other| !other.fits(&form.literals));
        same.push(remembered);
        let after = same.len();
        forms.len = forms.len + after - before;
    }

    fn forms(&self) -> MutexGuard<'_, Forms> {
        self.forms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Forms {
    fn find(&self, form: &Form<'_>) -> Option<&Remembered> {
        self.by_text.get(&form.text)?.iter().find(|remembered| remembered.fits(&form.literals))
    }
}

impl Literal {
    /// A literal is free if no other of the statement is the same, and the plan has it once: in a condition.
    /// It stands in one place of the statement then, which is where the plan has it, and what else the planner
    /// might make of a text (an interval, an alias, a part of a name) it has made of others.
    fn new(text: &str, all: &[Cow<'_, str>], plan: &Census, conditions: &Census) -> Self {
        let is_free = all.iter().filter(|other| *other == text).count() == 1
            && plan.times(text) == 1
            && conditions.times(text) == 1;
        if is_free { Self::Free(text.to_owned()) } else { Self::Fixed(text.to_owned()) }
    }
}

impl Remembered {
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
        let replaced: Vec<(&str, &str)> = replaced.collect();
        let condition = |condition: &Expr| replace(condition.clone(), &replaced);
        let conditions = self.plan.conditions.iter().map(condition).collect::<Option<Vec<_>>>()?;
        NativeQuery::new(&self.plan, &conditions)
    }
}

/// An expression with other texts in the place of some.
fn replace(expr: Expr, texts: &[(&str, &str)]) -> Option<Expr> {
    if texts.is_empty() {
        return Some(expr);
    }
    let replaced = expr.transform(|expr| {
        let Expr::Literal(ScalarValue::Utf8(Some(text)), _) = &expr else {
            return Ok(Transformed::no(expr));
        };
        Ok(match texts.iter().find(|(own, _)| own == text) {
            Some((_, other)) => {
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
    /// Its text literals.
    texts: Vec<String>,
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
                Expr::Literal(ScalarValue::Utf8(Some(text)), _) => self.texts.push(text.clone()),
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
        self.texts.iter().filter(|other| *other == text).count()
    }
}
