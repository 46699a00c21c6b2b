use std::sync::Arc;

use arrow::array::{Array, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, TimeUnit, TimestampNanosecondType};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::functions::datetime::date_bin;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use tidemill_analysis::native::Bucket;

use crate::error::Error;
use crate::native::width_ns;

pub(super) fn function() -> Arc<ScalarUDF> {
    let bin = DateBin { inner: date_bin(), aliases: vec!["time_bucket".to_owned()] };
    Arc::new(ScalarUDF::from(bin))
}

/// DataFusion's `date_bin`, with the buckets of native plans where all are equally long.
///
/// DataFusion 55 gives NULL where a time is further than 2⁶³ nanoseconds from the origin, and where
/// the bucket starts before the first time there is. The first has an answer, the second is an
/// error.
#[derive(Debug, PartialEq, Eq, Hash)]
struct DateBin {
    inner: Arc<ScalarUDF>,
    aliases: Vec<String>,
}

impl ScalarUDFImpl for DateBin {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(bucket) = bucket(&call.args) else { return self.inner.invoke_with_args(call) };
        let start =
            |time| bucket.start(time).map_err(|e| DataFusionError::from(Error::analysis(e)));
        Ok(match &call.args[1] {
            ColumnarValue::Scalar(ScalarValue::TimestampNanosecond(time, zone)) => {
                let start = time.map(start).transpose()?;
                ColumnarValue::Scalar(ScalarValue::TimestampNanosecond(start, zone.clone()))
            }
            times => {
                let times = times.to_array(call.number_rows)?;
                let starts: PrimitiveArray<TimestampNanosecondType> =
                    times.as_primitive::<TimestampNanosecondType>().try_unary(start)?;
                let starts = starts.with_data_type(times.data_type().clone());
                ColumnarValue::Array(Arc::new(starts))
            }
        })
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.inner.output_ordering(inputs)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

/// The buckets where all are equally long and times are nanoseconds.
fn bucket(arguments: &[ColumnarValue]) -> Option<Bucket> {
    let (width, times, origin) = match arguments {
        [width, times] => (width, times, None),
        [width, times, origin] => (width, times, Some(origin)),
        _ => return None,
    };
    if !matches!(times.data_type(), DataType::Timestamp(TimeUnit::Nanosecond, _)) {
        return None;
    }
    let origin_ns = match origin {
        None => 0,
        Some(ColumnarValue::Scalar(ScalarValue::TimestampNanosecond(origin, _))) => (*origin)?,
        Some(_) => return None,
    };
    let ColumnarValue::Scalar(width) = width else { return None };
    Some(Bucket { origin_ns, width_ns: width_ns(width)? })
}
