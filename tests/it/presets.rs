//! Each preset over made-up tickets under the headers that its city publishes: the file download and the open-data API,
//! or the old system and the new.
use std::path::Path;

use weisu::ingest::{self, presets};

/// One published form: preset, file name, content, and what its first ticket becomes.
struct Form {
    preset: &'static str,
    file: &'static str,
    text: &'static str,
    id: &'static str,
    /// Received in UTC.
    received: &'static str,
    day: &'static str,
    topic: &'static [&'static str],
    district: &'static [&'static str],
    is_repeat: bool,
    rows: usize,
    dropped: &'static [&'static str],
}

const FORMS: [Form; 13] = [
    Form {
        preset: "new_york_311",
        file: "file.csv",
        text: "Unique Key,Created Date,Closed Date,Agency,Agency Name,Complaint Type,Descriptor,Location Type,Incident Zip,Incident Address,Street Name,Status,Resolution Action Updated Date,Community Board,Borough,Latitude,Longitude,Location\n\
            61,07/04/2024 11:30:00 PM,07/05/2024 01:00:00 AM,NYPD,Police,Noise - Residential,Loud Music/Party,Residential Building,11201,12 EXAMPLE ST,EXAMPLE ST,Closed,07/05/2024 01:00:05 AM,02 BROOKLYN,BROOKLYN,40.6,-73.9,\"(40.6, -73.9)\"\n\
            62,07/05/2024 12:10:00 AM,,DSNY,Sanitation,Missed Collection,,Sidewalk,,,,Open,,0 Unspecified,Unspecified,,,\n",
        id: "61",
        received: "2024-07-05T03:30",
        day: "2024-07-04",
        topic: &["Noise - Residential", "Loud Music/Party"],
        district: &["BROOKLYN", "02 BROOKLYN"],
        is_repeat: false,
        rows: 2,
        dropped: &["Incident Zip", "Incident Address", "Street Name", "Location"],
    },
    Form {
        preset: "new_york_311",
        file: "renamed.csv",
        text: "Unique Key,Created Date,Closed Date,Agency,Problem (formerly Complaint Type),Problem Detail (formerly Descriptor),Community Board,Borough\n\
            61,07/04/2024 11:30:00 PM,,NYPD,Noise,Loud Music/Party,02 BROOKLYN,BROOKLYN\n",
        id: "61",
        received: "2024-07-05T03:30",
        day: "2024-07-04",
        topic: &["Noise", "Loud Music/Party"],
        district: &["BROOKLYN", "02 BROOKLYN"],
        is_repeat: false,
        rows: 1,
        dropped: &[],
    },
    Form {
        preset: "new_york_311",
        file: "api.jsonl",
        text: "{\"unique_key\":\"61\",\"created_date\":\"2024-07-04T23:30:00.000\",\"complaint_type\":\"Noise\",\"incident_address\":\"12 EXAMPLE ST\",\"borough\":\"BROOKLYN\",\"community_board\":\"02 BROOKLYN\"}\n\
            {\"unique_key\":\"62\",\"created_date\":\"2024-07-05T00:10:00.000\",\"closed_date\":\"2024-07-06T00:10:00.000\",\"complaint_type\":\"Noise\",\"descriptor\":\"Banging\",\"borough\":\"BRONX\"}\n",
        id: "61",
        received: "2024-07-05T03:30",
        day: "2024-07-04",
        topic: &["Noise", "(none)"],
        district: &["BROOKLYN", "02 BROOKLYN"],
        is_repeat: false,
        rows: 2,
        dropped: &["incident_address"],
    },
    Form {
        preset: "chicago_311",
        file: "file.csv",
        text: "SR_NUMBER,SR_TYPE,SR_SHORT_CODE,OWNER_DEPARTMENT,STATUS,CREATED_DATE,LAST_MODIFIED_DATE,CLOSED_DATE,STREET_ADDRESS,ZIP_CODE,STREET_NAME,DUPLICATE,COMMUNITY_AREA,WARD\n\
            SR24-1,Pothole in Street Complaint,PHF,CDOT - Department of Transportation,Completed,01/15/2024 11:59:00 PM,01/20/2024 08:00:00 AM,01/20/2024 08:00:00 AM,1 EXAMPLE AVE,60601,EXAMPLE,true,32,42\n\
            SR24-2,Graffiti Removal Request,GRAF,Streets and Sanitation,Open,01/16/2024 12:00:00 AM,01/16/2024 12:00:00 AM,,,,,false,,\n",
        id: "SR24-1",
        received: "2024-01-16T05:59",
        day: "2024-01-15",
        topic: &["CDOT - Department of Transportation", "Pothole in Street Complaint"],
        district: &["42", "32"],
        is_repeat: true,
        rows: 2,
        dropped: &["STREET_ADDRESS", "ZIP_CODE", "STREET_NAME"],
    },
    Form {
        preset: "chicago_311",
        file: "api.csv",
        text: "\"sr_number\",\"sr_type\",\"owner_department\",\"created_date\",\"last_modified_date\",\"closed_date\",\"duplicate\",\"community_area\",\"ward\"\n\
            \"SR24-1\",\"Pothole in Street Complaint\",\"CDOT\",\"2024-01-15T23:59:00.000\",\"2024-01-20T08:00:00.000\",,false,\"32\",\"42\"\n",
        id: "SR24-1",
        received: "2024-01-16T05:59",
        day: "2024-01-15",
        topic: &["CDOT", "Pothole in Street Complaint"],
        district: &["42", "32"],
        is_repeat: false,
        rows: 1,
        dropped: &[],
    },
    Form {
        preset: "boston_311",
        file: "old.csv",
        text: "case_enquiry_id,open_dt,target_dt,closed_dt,ontime,case_status,closure_reason,case_title,subject,reason,type,queue,department,location,neighborhood,ward,precinct,location_street_name,location_zipcode,latitude,longitude,source\n\
            101,2024-02-01 08:15:00,,2024-02-02 09:00:00,ONTIME,Closed,done,Pothole,Public Works,Highway Maintenance,Request for Pothole Repair,q,PWDx,1 Example St  Boston  MA,Roxbury,8,0801,1 Example St,02119,42.3,-71.0,Constituent Call\n",
        id: "101",
        received: "2024-02-01T13:15",
        day: "2024-02-01",
        topic: &["Highway Maintenance", "Request for Pothole Repair"],
        district: &["Roxbury"],
        is_repeat: false,
        rows: 1,
        dropped: &["location", "location_street_name", "location_zipcode"],
    },
    Form {
        preset: "boston_311",
        file: "new.csv",
        text: "case_id,open_date,case_topic,service_name,assigned_department,case_status,closure_reason,close_date,full_address,street_number,street_name,zip_code,neighborhood,ward,precinct\n\
            BCS-1,2024-03-20 03:00:00+00,Street Light Outage,Street Light Outage,PWD,In progress,,,\"1 Example St, Boston, MA\",1,Example St,02127,South Boston,7,0102\n\
            BCS-2,2024-03-20 09:00:00+00,Litter,Empty Litter Basket,PWD,Closed,ok,2024-03-21 09:00:00+00,,,,,Dorchester,,\n",
        id: "BCS-1",
        received: "2024-03-20T03:00",
        day: "2024-03-19",
        topic: &["Street Light Outage", "Street Light Outage"],
        district: &["South Boston"],
        is_repeat: false,
        rows: 2,
        dropped: &["full_address", "street_number", "street_name", "zip_code"],
    },
    Form {
        preset: "san_francisco_311",
        file: "file.csv",
        text: "CaseID,Opened,Closed,Updated,Status,Responsible Agency,Category,Request Type,Request Details,Address,Street,Supervisor District,Neighborhood,Police District,Latitude,Longitude,Point,Source\n\
            17,06/30/2024 11:00:00 PM,,07/01/2024 01:00:00 AM,Open,DPW,Street and Sidewalk Cleaning,Bulky Items,Boxes,1 EXAMPLE ST,EXAMPLE ST,9,Mission,MISSION,37.7,-122.4,,Mobile\n",
        id: "17",
        received: "2024-07-01T06:00",
        day: "2024-06-30",
        topic: &["Street and Sidewalk Cleaning", "Bulky Items"],
        district: &["9", "Mission"],
        is_repeat: false,
        rows: 1,
        dropped: &["Address", "Street"],
    },
    Form {
        preset: "san_francisco_311",
        file: "api.csv",
        text: "service_request_id,requested_datetime,closed_date,updated_datetime,status_description,agency_responsible,service_name,service_subtype,address,street,supervisor_district,neighborhoods_sffind_boundaries,lat,long\n\
            17,2024-06-30T23:00:00.000,,2024-07-01T01:00:00.000,Open,DPW,Street and Sidewalk Cleaning,bulky_items,1 EXAMPLE ST,EXAMPLE ST,9,Mission,37.7,-122.4\n",
        id: "17",
        received: "2024-07-01T06:00",
        day: "2024-06-30",
        topic: &["Street and Sidewalk Cleaning", "bulky_items"],
        district: &["9", "Mission"],
        is_repeat: false,
        rows: 1,
        dropped: &["address", "street"],
    },
    Form {
        preset: "sao_paulo_156",
        file: "file.csv",
        text: "Data de abertura;Canal;Tema;Assunto;Serviço;Logradouro;Número;CEP;Subprefeitura;Distrito;Latitude;Longitude;Data do Parecer;Status da solicitação;Órgão;Data;Nível;Prazo Atendimento;Qualidade Atendimento;Atendeu Solicitação\n\
            2018-12-31 23:30:00;Central 156;Árvores;Poda;Poda de árvore em via pública;RUA EXEMPLO;1;01000-000;MOOCA;BELÉM;-23,5;-46,5;2019-02-01 10:00:00;FINALIZADA;PREFEITURA;;;;;\n\
            2018-12-31 23:40:00;APP;Árvores;Poda;Poda de árvore em via pública;;;;MOOCA;;;;;AGUARDANDO;PREFEITURA;;;;;\n",
        id: "",
        received: "2019-01-01T01:30",
        day: "2018-12-31",
        topic: &["Árvores", "Poda de árvore em via pública"],
        district: &["MOOCA", "BELÉM"],
        is_repeat: false,
        rows: 2,
        dropped: &["Logradouro", "CEP"],
    },
    Form {
        preset: "sao_paulo_156",
        file: "cleaned.csv",
        text: "id,created_at,topic,district,subtopic,closed_at,lat,lon,area,status,channel\n\
            SP0000001,2015-01-01 00:09:24,Trânsito,MOOCA,Ônibus,2015-02-09 16:17:00,-23.5,-46.5,TATUAPE,FINALIZADA, \n",
        id: "SP0000001",
        received: "2015-01-01T02:09",
        day: "2015-01-01",
        topic: &["Trânsito", "Ônibus"],
        district: &["MOOCA", "TATUAPE"],
        is_repeat: false,
        rows: 1,
        dropped: &[],
    },
    Form {
        preset: "china_12345",
        file: "工单.csv",
        text: "工单编号,受理时间,来电人姓名,联系电话,身份证号,诉求地址,一级分类,二级分类,三级分类,所属区,街乡镇,办结时间,是否重复\n\
            GD001,2024-11-15 00:00:01,张三,13800138000,110101199001011234,幸福路1号,供热采暖,室温不达标,整楼不热,朝阳区,望京街道,2024-11-16 10:00:00,是\n\
            GD002,2024-11-15 08:00:00,,,,,供热采暖,室温不达标,,朝阳区,,,否\n",
        id: "GD001",
        received: "2024-11-14T16:00",
        day: "2024-11-15",
        topic: &["供热采暖", "室温不达标", "整楼不热"],
        district: &["朝阳区", "望京街道"],
        is_repeat: true,
        rows: 2,
        dropped: &["来电人姓名", "联系电话", "身份证号", "诉求地址"],
    },
    Form {
        preset: "china_12345",
        file: "另一种.csv",
        text: "工单号,来电时间,一级分类,二级分类,三级分类,所属区县,街道,结案时间,最后更新时间,重复件\n\
            A-1,2024/11/15 7:05,城市管理,噪声,施工噪声,海淀区,中关村街道,,2024/11/15 8:00,否\n",
        id: "A-1",
        received: "2024-11-14T23:05",
        day: "2024-11-15",
        topic: &["城市管理", "噪声", "施工噪声"],
        district: &["海淀区", "中关村街道"],
        is_repeat: false,
        rows: 1,
        dropped: &[],
    },
];

fn check(folder: &Path, form: &Form) {
    let name = format!("{} {}", form.preset, form.file);
    let file = folder.join(form.file);
    std::fs::write(&file, form.text).unwrap();
    let mapping = presets::find(form.preset).unwrap();
    let zone = mapping.zone.as_ref().unwrap().parse().unwrap();
    let context = ingest::Context { mapping: &mapping, zone, now: crate::support::office::now() };
    let mut tickets = ingest::open(&file, context).unwrap_or_else(|e| panic!("{name}: {e}"));
    let batch = tickets.next_batch(100).unwrap().unwrap();
    assert_eq!((batch.drafts.len(), &batch.rejects[..]), (form.rows, &[][..]), "{name}");
    assert!(tickets.next_batch(100).unwrap().is_none());
    assert_eq!(tickets.dropped_columns(), form.dropped, "{name}");
    let first = &batch.drafts[0];
    if form.id.is_empty() {
        assert_eq!(first.id.len(), 24, "{name}: an id made from the row");
        assert_ne!(first.id, batch.drafts[1].id);
    } else {
        assert_eq!(&*first.id, form.id, "{name}");
    }
    let received = chrono::DateTime::from_timestamp_millis(first.received).unwrap();
    assert_eq!(received.format("%Y-%m-%dT%H:%M").to_string(), form.received, "{name}");
    assert_eq!(first.day.to_string(), form.day, "{name}");
    assert_eq!(tickets.topics()[first.topic as usize], form.topic, "{name}");
    assert_eq!(tickets.districts()[first.district as usize], form.district, "{name}");
    assert_eq!(first.is_repeat, form.is_repeat, "{name}");
}

#[test]
fn every_published_form_is_read_and_accounts_for_all_rows() {
    let folder = tempfile::tempdir().unwrap();
    FORMS.iter().for_each(|form| check(folder.path(), form));
    for preset in presets::NAMES {
        assert!(FORMS.iter().filter(|form| form.preset == preset).count() >= 2, "{preset} in both its forms");
    }
}

#[test]
fn a_latin_1_header_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let form = FORMS.iter().find(|form| form.preset == "sao_paulo_156").unwrap();
    let file = folder.path().join("latin1.csv");
    std::fs::write(&file, encoding_rs::WINDOWS_1252.encode(form.text).0).unwrap();
    let mapping = presets::find("sao_paulo_156").unwrap();
    let zone = chrono_tz::America::Sao_Paulo;
    let context = ingest::Context { mapping: &mapping, zone, now: crate::support::office::now() };
    let mut tickets = ingest::open(&file, context).unwrap();
    assert_eq!(tickets.next_batch(9).unwrap().unwrap().drafts.len(), 2);
    assert_eq!(tickets.topics(), [["Árvores", "Poda de árvore em via pública"]]);
}
