use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, plan_err};
use datafusion::functions_aggregate::first_last::{first_value_udaf, last_value_udaf};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility,
};

/// The name of the function that gives the value at the least time.
pub(crate) const FIRST: &str = "first";
/// The name of the function that gives the value at the greatest time.
pub(crate) const LAST: &str = "last";

pub(super) fn functions() -> [Arc<AggregateUDF>; 2] {
    [FIRST, LAST].map(|name| Arc::new(AggregateUDF::from(ByTime::new(name))))
}

/// `first(x, time)` and `last(x, time)`, which the optimiser spells out as
/// `first_value(x ORDER BY time)` and `last_value(x ORDER BY time)`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ByTime {
    name: &'static str,
    signature: Signature,
}

impl ByTime {
    fn new(name: &'static str) -> Self {
        Self { name, signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for ByTime {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [value, _] => Ok(value.clone()),
            _ => plan_err!("{}(value, time) takes two arguments", self.name),
        }
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Err(DataFusionError::NotImplemented(format!(
            "{0}(value, time) in this place; write {0}_value(value ORDER BY time)",
            self.name
        )))
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        let function = if self.name == FIRST { first_value_udaf() } else { last_value_udaf() };
        Some(Box::new(move |call, _| {
            let mut params = call.params;
            let [_, time] = params.args.as_slice() else {
                return plan_err!("first and last take a value and a time");
            };
            params.order_by = vec![time.clone().sort(true, false)];
            params.args.truncate(1);
            Ok(Expr::AggregateFunction(AggregateFunction { func: Arc::clone(&function), params }))
        }))
    }
}
