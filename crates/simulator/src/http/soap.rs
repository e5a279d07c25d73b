//! `/services/Soap/u/NN.0`: the one operation that has no REST form, `convertLead`.

use quick_xml::Reader;
use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::Event;

use super::call::Call;
use super::limits;
use super::reply::Reply;
use super::state::Simulator;
use crate::org::{ApiError, Caller, LeadConvert};

/// Most leads of one call.
const LEADS_MAX: usize = 200;
/// The elements of a `LeadConvert` in the order of the WSDL.
const ORDER: [&str; 11] = [
    "accountId",
    "contactId",
    "convertedStatus",
    "doNotCreateOpportunity",
    "leadId",
    "opportunityId",
    "opportunityName",
    "overwriteLeadSource",
    "ownerId",
    "relatedPersonAccountId",
    "sendNotificationEmail",
];

/// An element: its local name, its text, its elements.
#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    inner: Vec<Element>,
}

impl Element {
    fn child(&self, name: &str) -> Option<&Self> {
        self.inner.iter().find(|element| element.name == name)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => open.push(Self {
                    name: start.local_name().as_ref().to_owned(),
                    ..Self::default()
                }),
                Event::Empty(start) => open.last_mut()?.inner.push(Self {
                    name: start.local_name().as_ref().to_owned(),
                    ..Self::default()
                }),
                Event::End(_) => {
                    let element = open.pop()?;
                    open.last_mut()?.inner.push(element);
                }
                Event::Text(content) => open.last_mut()?.text.push_str(&content.xml10_content()),
                Event::CData(content) => open.last_mut()?.text.push_str(&content.xml10_content()),
                Event::GeneralRef(reference) => {
                    let text = &mut open.last_mut()?.text;
                    if let Some(character) = reference.resolve_char_ref().ok()? {
                        text.push(character);
                    } else {
                        text.push_str(resolve_predefined_entity(&reference.xml10_content())?);
                    }
                }
                Event::DocType(_) => return None,
                Event::Eof => return open.pop().filter(|_| open.is_empty())?.inner.pop(),
                _ => {}
            }
        }
    }
}

/// Serves a SOAP call.
pub(crate) fn serve(simulator: &Simulator, call: &Call) -> Reply {
    if call.method != "POST" {
        return Reply::html(405, "<h1>HTTP method GET not supported</h1>".to_owned());
    }
    if call.header("soapaction").is_none() {
        return fault("soapenv:Client", "SOAPAction HTTP header missing");
    }
    let is_xml = call
        .header("content-type")
        .is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/xml"));
    let envelope = std::str::from_utf8(&call.body).ok().and_then(Element::parse);
    let (Some(envelope), true) = (envelope, is_xml) else {
        return fault("soapenv:Client", "The request is no SOAP envelope");
    };
    let header = envelope
        .child("Header")
        .and_then(|header| header.child("SessionHeader"));
    let token = header
        .and_then(|header| header.child("sessionId"))
        .map(|id| id.text.trim());
    let session = token.and_then(|token| simulator.use_session(token));
    let Some(session) = session else {
        return fault(
            "sf:INVALID_SESSION_ID",
            "INVALID_SESSION_ID: Invalid Session ID found in SessionHeader: Illegal Session",
        );
    };
    if limits::count_call(simulator).is_err() {
        return fault(
            "sf:REQUEST_LIMIT_EXCEEDED",
            "REQUEST_LIMIT_EXCEEDED: TotalRequests Limit exceeded.",
        );
    }
    let caller = Caller {
        user_id: session.user_id,
    };
    let operation = envelope.child("Body").and_then(|body| body.inner.first());
    match operation {
        Some(operation) if operation.name == "convertLead" => convert_leads(simulator, &caller, operation),
        Some(other) => fault(
            "soapenv:Client",
            &format!("No operation available for request {}", other.name),
        ),
        None => fault("soapenv:Client", "The envelope has no body"),
    }
}

fn convert_leads(simulator: &Simulator, caller: &Caller, operation: &Element) -> Reply {
    let wanted: Vec<&Element> = operation
        .inner
        .iter()
        .filter(|element| element.name == "leadConverts")
        .collect();
    if wanted.len() > LEADS_MAX {
        let text =
            format!("EXCEEDED_ID_LIMIT: record limit reached. cannot submit more than {LEADS_MAX} records");
        return fault("sf:EXCEEDED_ID_LIMIT", &text);
    }
    let _writing = simulator.writing();
    let results: String = wanted
        .into_iter()
        .map(|element| {
            let wanted = in_order(element);
            let kept = simulator.org.snapshot();
            let done = simulator.org.convert_lead(caller, &wanted);
            if done.is_err() {
                simulator.org.restore(kept);
            }
            match done {
                Ok(made) => result(
                    &wanted.lead_id,
                    Some((&made.account_id, &made.contact_id, made.opportunity_id.as_deref())),
                    &[],
                ),
                Err(errors) => result(&wanted.lead_id, None, &errors),
            }
        })
        .collect();
    envelope(
        200,
        &format!("<convertLeadResponse>{results}</convertLeadResponse>"),
    )
}

/// Reads what stands in the WSDL's order; what comes too late is dropped without a word, as Salesforce does.
fn in_order(element: &Element) -> LeadConvert {
    let mut wanted = LeadConvert::default();
    let mut place = 0;
    for part in &element.inner {
        let Some(found) = ORDER.iter().skip(place).position(|name| *name == part.name) else {
            continue;
        };
        place += found;
        let text = part.text.trim().to_owned();
        let some = Some(text.clone()).filter(|text| !text.is_empty());
        match part.name.as_str() {
            "accountId" => wanted.account_id = some,
            "contactId" => wanted.contact_id = some,
            "convertedStatus" => wanted.converted_status = text,
            "doNotCreateOpportunity" => wanted.do_not_create_opportunity = text == "true",
            "leadId" => wanted.lead_id = text,
            "opportunityId" => wanted.opportunity_id = some,
            "opportunityName" => wanted.opportunity_name = some,
            "ownerId" => wanted.owner_id = some,
            _ => {}
        }
    }
    wanted
}

fn result(lead: &str, made: Option<(&str, &str, Option<&str>)>, errors: &[ApiError]) -> String {
    let id = |name: &str, value: Option<&str>| match value {
        Some(value) => format!("<{name}>{}</{name}>", escape(value)),
        None => format!("<{name} xsi:nil=\"true\"/>"),
    };
    let errors = errors.iter().fold(String::new(), |mut text, error| {
        let (message, code) = (escape(error.message.as_str()), escape(error.code.as_str()));
        text.extend([
            "<errors><message>",
            &message,
            "</message><statusCode>",
            &code,
            "</statusCode></errors>",
        ]);
        text
    });
    format!(
        "<result>{}{}{errors}{}{}<success>{}</success></result>",
        id("accountId", made.map(|made| made.0)),
        id("contactId", made.map(|made| made.1)),
        id("leadId", Some(lead)),
        id("opportunityId", made.and_then(|made| made.2)),
        made.is_some()
    )
}

fn fault(code: &str, text: &str) -> Reply {
    envelope(
        500,
        &format!(
            "<soapenv:Fault><faultcode>{code}</faultcode><faultstring>{}</faultstring></soapenv:Fault>",
            escape(text)
        ),
    )
}

fn envelope(status: u16, body: &str) -> Reply {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns=\"urn:partner.soap.sforce.com\" \
         xmlns:sf=\"urn:fault.partner.soap.sforce.com\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    );
    Reply::text(status, "text/xml; charset=utf-8", text)
}
