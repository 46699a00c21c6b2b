use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNode;
use datafusion::physical_optimizer::projection_pushdown::ProjectionPushdown;
use datafusion::physical_optimizer::{PhysicalOptimizerRule, optimizer::PhysicalOptimizer};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::union::UnionExec;

use crate::outer_sides::OuterSides;

type Rules = Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>;

/// DataFusion's rules, with [`UnionSides`] and [`OuterSides`] before orders are relied on.
pub(crate) fn physical_rules() -> Rules {
    let mut rules = PhysicalOptimizer::new().rules;
    let place = rules.iter().position(|rule| rule.name() == "EnsureRequirements");
    let ours: [Arc<dyn PhysicalOptimizerRule + Send + Sync>; 2] =
        [Arc::new(UnionSides), Arc::new(OuterSides)];
    let place = place.unwrap_or_default();
    rules.splice(place..place, ours);
    rules
}

/// Merges projections where there is a union, before orders are relied on.
///
/// DataFusion 55 casts a column of a side that is never NULL to its own type, because that of
/// another may be, and knows that its order stays. When it merges that projection with one of
/// `date_trunc(…, time)`, after grouping was planned by that order, it does not know that any more
/// and refuses the plan.
#[derive(Debug)]
struct UnionSides;

impl PhysicalOptimizerRule for UnionSides {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        options: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match plan.exists(|node| Ok(node.is::<UnionExec>()))? {
            true => ProjectionPushdown::new().optimize(plan, options),
            false => Ok(plan),
        }
    }

    fn name(&self) -> &str {
        "union_sides"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
