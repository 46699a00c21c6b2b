use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, LogicalPlan, Operator, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::names::map_expressions;

/// DataFusion's rule, which sees no lists.
///
/// DataFusion 55 merges lists about one expression and forgets that a comparison with NULL is NULL:
/// `x NOT IN ('a') OR x NOT IN ('b')` becomes `true`, `x IN ('a') AND x IN ('b')` `false`, also where
/// `x` is NULL; `x IN ('a') AND x NOT IN ('b', NULL)`, which never holds, `x IN ('a')`. It takes items
/// for different because they are written so: `x IN (y) AND x IN (z)` becomes `false`. And it makes lists
/// of `x = 'a' OR x = 'b'`, which it merges in the same way: of columns alone, so it sees none of these either.
#[derive(Debug)]
pub(crate) struct SimplifyApart(SimplifyExpressions);

impl SimplifyApart {
    pub(crate) fn new() -> Self {
        Self(SimplifyExpressions::new())
    }
}

impl OptimizerRule for SimplifyApart {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let hidden = map_expressions(plan, hide)?;
        let simplified = self.0.rewrite(hidden.data, config)?;
        if !hidden.transformed {
            return Ok(simplified);
        }
        simplified.map_data(|plan| {
            let plan = map_expressions(plan, show)?.data;
            // It may have put a projection above an aggregate.
            match plan {
                LogicalPlan::Projection(_) => {
                    plan.map_children(|child| map_expressions(child, show)).map(|plan| plan.data)
                }
                plan => Ok(plan),
            }
        })
    }
}

/// Puts functions that nobody knows in the place of the lists of an expression whose types are decided, and of the
/// columns of which DataFusion could make lists.
pub(crate) fn hide(expr: Expr) -> Result<Transformed<Expr>> {
    let (mut lists, mut has_or) = (0, false);
    expr.apply(|node| {
        lists += usize::from(matches!(node, Expr::InList(_)));
        // NOT makes an OR of an AND.
        has_or |=
            matches!(node, Expr::BinaryExpr(BinaryExpr { op: Operator::Or, .. }) | Expr::Not(_));
        Ok(TreeNodeRecursion::Continue)
    })?;
    // A list alone is merged with none.
    if lists < 2 && !has_or {
        return Ok(Transformed::no(expr));
    }
    expr.transform_up(|expr| {
        Ok(match expr {
            Expr::InList(list) if is_hidden(&list) => {
                let what = What::List { negated: list.negated };
                Transformed::yes(what.of(std::iter::once(*list.expr).chain(list.list)))
            }
            Expr::Column(_) if has_or => Transformed::yes(What::Column.of([expr])),
            other => Transformed::no(other),
        })
    })
}

/// Puts lists and columns back.
pub(crate) fn show(expr: Expr) -> Result<Transformed<Expr>> {
    expr.transform_up(|expr| {
        Ok(match expr {
            Expr::ScalarFunction(call) => match call.func.inner().downcast_ref::<Apart>() {
                Some(apart) => Transformed::yes(apart.what.shown(call.args)),
                None => Transformed::no(Expr::ScalarFunction(call)),
            },
            Expr::Not(inner) => match *inner {
                Expr::InList(list) => {
                    Transformed::yes(shortened(InList { negated: !list.negated, ..list }))
                }
                inner => Transformed::no(Expr::Not(Box::new(inner))),
            },
            other => Transformed::no(other),
        })
    })
}

/// Lists of constants about a constant are computed; `x IN ((SELECT …))` is a question of its own.
fn is_hidden(list: &InList) -> bool {
    let is_question = matches!(list.list[..], [Expr::ScalarSubquery(_)]);
    let is_known = |expr: &Expr| {
        !expr.any_column_refs() && !expr.contains_outer() && !expr.contains_scalar_subquery()
    };
    let mut items = std::iter::once(&*list.expr).chain(&list.list);
    !list.list.is_empty() && !is_question && !items.all(is_known)
}

/// A list of one is a comparison, from which more is concluded.
fn shortened(mut list: InList) -> Expr {
    match (list.list.pop(), list.list.is_empty(), list.negated) {
        (Some(item), true, false) => (*list.expr).eq(item),
        (Some(item), true, true) => (*list.expr).not_eq(item),
        (item, _, _) => {
            list.list.extend(item);
            Expr::InList(list)
        }
    }
}

/// What stands apart: a list as a function of `x` and the items, a column as one of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    List { negated: bool },
    Column,
}

impl What {
    fn of(self, args: impl IntoIterator<Item = Expr>) -> Expr {
        let signature = Signature::variadic_any(Volatility::Immutable);
        let function = Arc::new(ScalarUDF::from(Apart { what: self, signature }));
        Expr::ScalarFunction(ScalarFunction { func: function, args: args.into_iter().collect() })
    }

    fn shown(self, mut args: Vec<Expr>) -> Expr {
        let items = args.split_off(1);
        let x = args.remove(0);
        match self {
            Self::List { negated } => shortened(InList { expr: Box::new(x), list: items, negated }),
            Self::Column => x,
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Apart {
    what: What,
    signature: Signature,
}

impl ScalarUDFImpl for Apart {
    fn name(&self) -> &str {
        "apart"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(match self.what {
            What::List { .. } => DataType::Boolean,
            What::Column => types[0].clone(),
        })
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        if self.what == What::Column {
            return Ok(Arc::clone(&args.arg_fields[0]));
        }
        let is_nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), DataType::Boolean, is_nullable)))
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let (x, items) = (args[0].clone(), args[1..].to_vec());
        let shown = match self.what {
            What::List { negated } => Expr::InList(InList::new(Box::new(x), items, negated)),
            What::Column => x,
        };
        Ok(shown.schema_name().to_string())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("what stands apart is put back before anything runs")
    }
}
