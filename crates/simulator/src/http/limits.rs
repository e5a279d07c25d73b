//! `/limits`, `/limits/recordCount`, and the count behind `Sforce-Limit-Info`.

use serde_json::{Map, Value, json};

use super::errors;
use super::reply::{Answer, Reply};
use super::router::Context;
use super::state::Simulator;

/// Names and maxima a Developer Edition org answers, beside `DailyApiRequests`.
const LIMITS: [(&str, i64); 58] = [
    ("ActiveScratchOrgs", 3),
    ("AnalyticsExternalDataSizeMB", 40_960),
    ("CdpAiInferenceApiMonthlyLimit", 500_000_000),
    ("ConcurrentAsyncGetReportInstances", 200),
    ("ConcurrentEinsteinDataInsightsStoryCreation", 5),
    ("ConcurrentEinsteinDiscoveryStoryCreation", 2),
    ("ConcurrentSyncReportRuns", 20),
    ("DailyAnalyticsDataflowJobExecutions", 60),
    ("DailyAnalyticsUploadedFilesSizeMB", 51_200),
    ("DailyAsyncApexExecutions", 250_000),
    ("DailyAsyncApexTests", 500),
    ("DailyBulkApiBatches", 15_000),
    ("DailyBulkV2QueryFileStorageMB", 976_562),
    ("DailyBulkV2QueryJobs", 10_000),
    ("DailyDeliveredPlatformEvents", 10_000),
    ("DailyDurableGenericStreamingApiEvents", 10_000),
    ("DailyDurableStreamingApiEvents", 10_000),
    ("DailyEinsteinDataInsightsStoryCreation", 1_000),
    ("DailyEinsteinDiscoveryOptimizationJobRuns", 20),
    ("DailyEinsteinDiscoveryPredictAPICalls", 50_000),
    ("DailyEinsteinDiscoveryPredictionsByCDC", 500_000),
    ("DailyEinsteinDiscoveryStoryCreation", 100),
    ("DailyFunctionsApiCallLimit", 235_000),
    ("DailyGenericStreamingApiEvents", 10_000),
    ("DailyScratchOrgs", 6),
    ("DailyStandardVolumePlatformEvents", 10_000),
    ("DailyStreamingApiEvents", 10_000),
    ("DailyWorkflowEmails", 100_000),
    ("DataStorageMB", 5),
    ("DurableStreamingApiConcurrentClients", 20),
    ("FileStorageMB", 20),
    ("HourlyAsyncReportRuns", 1_200),
    ("HourlyDashboardRefreshes", 200),
    ("HourlyDashboardResults", 5_000),
    ("HourlyDashboardStatuses", 999_999_999),
    ("HourlyLongTermIdMapping", 100_000),
    ("HourlyManagedContentPublicRequests", 50_000),
    ("HourlyODataCallout", 1_000),
    ("HourlyPublishedPlatformEvents", 50_000),
    ("HourlyPublishedStandardVolumePlatformEvents", 1_000),
    ("HourlyShortTermIdMapping", 100_000),
    ("HourlySyncReportRuns", 500),
    ("HourlyTimeBasedWorkflow", 1_000),
    ("MassEmail", 10),
    ("MaxContentDocumentsLimit", 30_000_000),
    ("MonthlyEinsteinDiscoveryStoryCreation", 500),
    ("Package2VersionCreates", 6),
    ("Package2VersionCreatesWithoutValidation", 500),
    ("PlatformEventTriggersWithParallelProcessing", 5),
    ("PrivateConnectOutboundCalloutHourlyLimitMB", 0),
    ("PublishCallbackUsageInApex", 5_242_880),
    ("SingleEmail", 15),
    ("StreamingApiConcurrentClients", 20),
    ("DailyAnalyticsStoryCreation", 100),
    ("DailyDataPrepRuns", 100),
    ("HourlyElevateAsyncReportRuns", 0),
    ("HourlyElevateSyncReportRuns", 0),
    ("HourlyEventLogFiles", 100),
];

/// Counts one API call; 403 when the day's allowance is used up. A composite call counts once.
pub(crate) fn count_call(simulator: &Simulator) -> Result<(), Reply> {
    let mut settings = simulator.settings_mut();
    if settings.daily_used >= settings.daily_limit {
        return Err(errors::daily_limit());
    }
    settings.daily_used += 1;
    if let Some(app) = &mut settings.per_app {
        app.used += 1;
    }
    Ok(())
}

/// `api-usage=22/15000`, with the app's own share where the org meters it.
pub(crate) fn limit_info(simulator: &Simulator) -> String {
    let settings = simulator.settings();
    let org = format!("api-usage={}/{}", settings.daily_used, settings.daily_limit);
    match settings.per_app {
        Some(app) => format!(
            "{org}; per-app-api-usage={}/{}(appName={})",
            app.used, app.max, app.name
        ),
        None => org,
    }
}

/// `GET /limits`.
pub(crate) fn limits(context: &Context<'_>) -> Answer {
    context.only(&["HEAD", "GET"])?;
    let settings = context.simulator.settings();
    if !settings.view_setup {
        return Err(errors::refuse(
            403,
            "INSUFFICIENT_ACCESS",
            "The user does not have View Setup and Configuration permission",
        ));
    }
    let mut entries: Vec<(&str, Value)> = LIMITS
        .iter()
        .map(|(name, most)| (*name, json!({"Max": most, "Remaining": most})))
        .collect();
    let left = settings.daily_limit.saturating_sub(settings.daily_used);
    entries.push((
        "DailyApiRequests",
        json!({"Max": settings.daily_limit, "Remaining": left}),
    ));
    // An entitlement that was cut below its use: the only one that goes negative here.
    entries.push((
        "MonthlyPlatformEventsUsageEntitlement",
        json!({"Max": 0, "Remaining": -12}),
    ));
    entries.push((
        "PermissionSets",
        json!({"Max": 1500, "Remaining": 1499, "CreateCustom": {"Max": 1000, "Remaining": 999}}),
    ));
    entries.sort_by_key(|(name, _)| *name);
    let body: Map<String, Value> = entries
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Ok(Reply::json(200, Value::Object(body)))
}

/// `GET /limits/recordCount?sObjects=A,B`: unknown names are dropped.
pub(crate) fn record_count(context: &Context<'_>) -> Answer {
    context.only(&["HEAD", "GET"])?;
    let org = &context.simulator.org;
    let asked: Option<Vec<&str>> = context
        .call
        .query_value("sObjects")
        .map(|text| text.split(',').map(str::trim).collect());
    let mut counts = Vec::new();
    for name in org.object_names() {
        let wanted = asked
            .as_ref()
            .is_none_or(|asked| asked.iter().any(|other| other.eq_ignore_ascii_case(&name)));
        if wanted {
            counts.push(json!({"count": org.record_count(&name), "name": name}));
        }
    }
    Ok(Reply::json(200, json!({"sObjects": counts})))
}
