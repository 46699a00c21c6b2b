use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue, not_impl_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator,
    ReversedUDAF, SetMonotonicity, Signature, StatisticsArgs,
};

use super::sliding::{Moment, SlidingMoments};
use crate::error::{Error, ErrorKind};

/// One of DataFusion's `sum`, `min`, `max` that works on other values than it is given: they are
/// mapped on the way in and back on the way out.
///
/// * `sum` of integers adds 128-bit decimals, which hold the sum of 2⁶⁴ integers of 64 bits.
/// * `min` and `max` of floats compare integers that are in the same order, NaN last.
///
/// `percentile_cont` is DataFusion's but for `simplify`, which makes its own `min` and `max` of the shares 0 and 1.
///
/// Over windows that move on, sums and moments of floats are [`SlidingMoments`].
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Mapped {
    inner: Arc<AggregateUDF>,
}

/// What values of one type are mapped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mapping {
    /// Integers of this width to decimals, the sum of which is checked.
    Exact { signed: bool },
    /// Floats to integers of the same order.
    Ordered,
}

impl Mapped {
    pub(super) fn new(inner: Arc<AggregateUDF>) -> Self {
        Self { inner }
    }

    fn mapping(&self, ty: &DataType) -> Option<Mapping> {
        match (self.inner.name(), ty) {
            ("sum", DataType::Int64) => Some(Mapping::Exact { signed: true }),
            ("sum", DataType::UInt64) => Some(Mapping::Exact { signed: false }),
            ("min" | "max", DataType::Float64) => Some(Mapping::Ordered),
            _ => None,
        }
    }
}

/// The widest decimal without fraction: an `i128` of up to 38 digits.
const WIDE: DataType = DataType::Decimal128(38, 0);

impl Mapping {
    /// The type that the inner function works on.
    fn inner_type(self) -> DataType {
        match self {
            Self::Exact { .. } => WIDE,
            Self::Ordered => DataType::Int64,
        }
    }

    fn encode(self, values: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        let encode = |array: &ArrayRef| -> Result<ArrayRef> {
            Ok(match self {
                Self::Exact { .. } => cast(array, &WIDE)?,
                Self::Ordered => {
                    let floats = array.as_primitive::<Float64Type>();
                    Arc::new(floats.unary::<_, Int64Type>(ordered_bits)) as ArrayRef
                }
            })
        };
        values.iter().map(encode).collect()
    }

    fn decode(self, result: &ArrayRef, function: &str) -> Result<ArrayRef> {
        match self {
            Self::Exact { signed } => {
                let ty = if signed { DataType::Int64 } else { DataType::UInt64 };
                let options = CastOptions { safe: false, ..CastOptions::default() };
                cast_with_options(result, &ty, &options).map_err(|_| {
                    let message = format!("integer overflow: the {function} does not fit {ty}");
                    Error::new(ErrorKind::Overflow, message).into()
                })
            }
            Self::Ordered => {
                let keys = result.as_primitive::<Int64Type>();
                Ok(Arc::new(keys.unary::<_, Float64Type>(from_ordered_bits)))
            }
        }
    }

    fn field(self) -> FieldRef {
        Arc::new(Field::new("value", self.inner_type(), true))
    }
}

/// Integers in the order of IEEE 754 `totalOrder`, with every NaN the greatest.
fn ordered_bits(value: f64) -> i64 {
    let value = if value.is_nan() { f64::NAN.abs() } else { value };
    let bits = value.to_bits().cast_signed();
    bits ^ ((bits >> 63) & i64::MAX)
}

fn from_ordered_bits(key: i64) -> f64 {
    f64::from_bits((key ^ ((key >> 63) & i64::MAX)).cast_unsigned())
}

/// Calls `make` with arguments that say the inner type.
fn with_inner_type<R>(
    mapping: Mapping,
    args: AccumulatorArgs<'_>,
    make: impl FnOnce(AccumulatorArgs<'_>) -> R,
) -> R {
    let field = mapping.field();
    let fields = vec![Arc::clone(&field); args.expr_fields.len()];
    make(AccumulatorArgs { return_field: field, expr_fields: &fields, ..args })
}

impl AggregateUDFImpl for Mapped {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arguments)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        match self.mapping(args.return_field.data_type()) {
            None => self.inner.state_fields(args),
            Some(mapping) => {
                let fields = vec![mapping.field(); args.input_fields.len()];
                let return_field = mapping.field();
                self.inner.state_fields(StateFieldsArgs {
                    return_field,
                    input_fields: &fields,
                    ..args
                })
            }
        }
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        match self.mapping(args.return_field.data_type()) {
            None => self.inner.accumulator(args),
            Some(mapping) => {
                let function = self.inner.name().to_owned();
                let inner = with_inner_type(mapping, args, |args| self.inner.accumulator(args))?;
                Ok(Box::new(MappedAccumulator { mapping, function, inner }))
            }
        }
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        let is_float = |field: &FieldRef| *field.data_type() == DataType::Float64;
        let moment = Moment::of(self.inner.name()).filter(|_| {
            !args.is_distinct
                && args.expr_fields.len() == 1
                && args.expr_fields.iter().all(is_float)
        });
        if let Some(moment) = moment {
            return Ok(Box::new(SlidingMoments::new(moment)));
        }
        match self.mapping(args.return_field.data_type()) {
            None => self.inner.create_sliding_accumulator(args),
            Some(Mapping::Exact { .. }) if args.is_distinct => {
                not_impl_err!("sum(DISTINCT …) over a sliding window")
            }
            Some(mapping) => {
                let function = self.inner.name().to_owned();
                let make = |args: AccumulatorArgs<'_>| self.inner.create_sliding_accumulator(args);
                let inner = with_inner_type(mapping, args, make)?;
                Ok(Box::new(MappedAccumulator { mapping, function, inner }))
            }
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        match self.mapping(args.return_field.data_type()) {
            None => self.inner.groups_accumulator_supported(args),
            Some(mapping) => {
                with_inner_type(mapping, args, |args| self.inner.groups_accumulator_supported(args))
            }
        }
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        match self.mapping(args.return_field.data_type()) {
            None => self.inner.create_groups_accumulator(args),
            Some(mapping) => {
                let function = self.inner.name().to_owned();
                let make = |args: AccumulatorArgs<'_>| self.inner.create_groups_accumulator(args);
                let inner = with_inner_type(mapping, args, make)?;
                Ok(Box::new(MappedGroups { mapping, function, inner }))
            }
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        // The order is part of what `percentile_cont` says.
        match self.supports_within_group_clause() {
            true => ReversedUDAF::NotSupported,
            false => ReversedUDAF::Identical,
        }
    }

    fn supports_within_group_clause(&self) -> bool {
        self.inner.supports_within_group_clause()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }

    fn value_from_stats(&self, args: &StatisticsArgs<'_>) -> Option<ScalarValue> {
        self.inner.value_from_stats(args)
    }

    fn set_monotonicity(&self, ty: &DataType) -> SetMonotonicity {
        self.inner.inner().set_monotonicity(ty)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

#[derive(Debug)]
struct MappedAccumulator {
    mapping: Mapping,
    function: String,
    inner: Box<dyn Accumulator>,
}

impl Accumulator for MappedAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.update_batch(&self.mapping.encode(values)?)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.retract_batch(&self.mapping.encode(values)?)
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let result = self.inner.evaluate()?.to_array()?;
        ScalarValue::try_from_array(&self.mapping.decode(&result, &self.function)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.inner.merge_batch(states)
    }

    fn size(&self) -> usize {
        self.inner.size()
    }
}

struct MappedGroups {
    mapping: Mapping,
    function: String,
    inner: Box<dyn GroupsAccumulator>,
}

impl GroupsAccumulator for MappedGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        group_count: usize,
    ) -> Result<()> {
        self.inner.update_batch(&self.mapping.encode(values)?, groups, filter, group_count)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.mapping.decode(&self.inner.evaluate(emit_to)?, &self.function)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.inner.state(emit_to)
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        groups: &[usize],
        group_count: usize,
    ) -> Result<()> {
        self.inner.merge_batch(states, groups, group_count)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        self.inner.convert_to_state(&self.mapping.encode(values)?, filter)
    }

    fn size(&self) -> usize {
        self.inner.size()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, Float64Array, Int64Array};

    use super::*;

    #[test]
    fn keys_are_in_the_order_of_the_floats_with_nan_last() {
        let ascending = [
            f64::NEG_INFINITY,
            f64::MIN,
            -1.5,
            -f64::MIN_POSITIVE,
            0.0,
            1e-300,
            2.0,
            f64::INFINITY,
        ];
        let keys = ascending.map(ordered_bits);
        assert!(keys.is_sorted() && keys.map(from_ordered_bits) == ascending);
        for nan in [f64::NAN, -f64::NAN] {
            assert!(ordered_bits(nan) > ordered_bits(f64::INFINITY));
            assert!(from_ordered_bits(ordered_bits(nan)).is_nan());
        }
    }

    #[test]
    fn a_sum_that_fits_comes_back_and_one_that_does_not_is_an_error() {
        let signed = Mapping::Exact { signed: true };
        let extremes: ArrayRef = Arc::new(Int64Array::from(vec![Some(i64::MIN), None]));
        let wide = signed.encode(&[Arc::clone(&extremes)]).unwrap();
        assert_eq!(&signed.decode(&wide[0], "sum").unwrap(), &extremes);
        let unsigned = Mapping::Exact { signed: false };
        let refused: Error = unsigned.decode(&wide[0], "sum").unwrap_err().into();
        assert_eq!(refused.kind(), ErrorKind::Overflow);
        assert_eq!(refused.to_string(), "integer overflow: the sum does not fit UInt64");
    }

    #[test]
    fn missing_floats_stay_missing() {
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None]));
        let keys = Mapping::Ordered.encode(&[Arc::clone(&floats)]).unwrap();
        assert_eq!(keys[0].null_count(), 1);
        assert_eq!(&Mapping::Ordered.decode(&keys[0], "min").unwrap(), &floats);
    }
}
