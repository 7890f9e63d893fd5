"""A small release of ICD-10-CM, in the shape CDC publishes it."""

TABULAR = """<?xml version="1.0" encoding="utf-8"?>
<ICD10CM.tabular>
  <version>2027</version>
  <chapter><name>4</name><desc>Endocrine diseases (E00-E89)</desc>
    <excludes1><note>transitory disorders of newborn (P70-P74)</note></excludes1>
    <section id="E08-E13"><desc>Diabetes mellitus (E08-E13)</desc>
      <diag><name>E11</name><desc>Type 2 diabetes mellitus</desc>
        <includes><note>diabetes NOS</note></includes>
        <useAdditionalCode><note>code to identify control using insulin (Z79.4)</note></useAdditionalCode>
        <excludes1><note>type 1 diabetes mellitus (E10.-)</note></excludes1>
        <diag><name>E11.6</name><desc>Type 2 diabetes mellitus with other complications</desc>
          <inclusionTerm><note>Charcot's joints</note></inclusionTerm></diag>
        <diag><name>E11.9</name><desc>Type 2 diabetes mellitus without complications</desc></diag>
      </diag>
    </section>
  </chapter>
  <chapter><name>19</name><desc>Injury (S00-T88)</desc>
    <section id="S40-S49"><desc>Injuries to the shoulder (S40-S49)</desc>
      <diag><name>S42</name><desc>Fracture of shoulder</desc>
        <notes><note>7th characters D and S do not apply to codes in category S42 with 6th character 2 - whatever, or 9 - whatever else.</note></notes>
        <sevenChrDef>
          <extension char="A">initial encounter</extension>
          <extension char="D">subsequent encounter</extension>
          <extension char="S">sequela</extension>
        </sevenChrDef>
        <diag><name>S42.00</name><desc>Fracture of clavicle</desc>
          <diag><name>S42.001</name><desc>Fracture of right clavicle</desc></diag>
          <diag><name>S42.002</name><desc>Fracture of left clavicle</desc></diag>
        </diag>
        <diag><name>S42.9</name><desc>Fracture of shoulder, unspecified</desc></diag>
      </diag>
    </section>
  </chapter>
</ICD10CM.tabular>
"""

INDEX = """<?xml version="1.0" encoding="utf-8"?>
<ICD10CM.index>
  <version>2027</version>
  <title>ICD-10-CM INDEX TO DISEASES and INJURIES</title>
  <letter><title>S</title>
    <mainTerm><title>Sugar sickness<nemod>(sweet)</nemod></title><code>E11.9</code>
      <term level="1"><title>with</title>
        <term level="2"><title>collapsing ankle</title><code>E11.6-</code></term>
      </term>
    </mainTerm>
    <mainTerm><title>Saccharopathy</title><see>Sugar sickness</see></mainTerm>
    <mainTerm><title>Saccharose</title><see>condition</see></mainTerm>
  </letter>
</ICD10CM.index>
"""

NEOPLASMS = """<?xml version="1.0" encoding="utf-8"?>
<ICD10CM.index>
  <version>2027</version>
  <indexHeading><head col="1">Neoplasm</head><head col="2">Malignant Primary</head></indexHeading>
  <letter><title>N</title>
    <mainTerm><title>Neoplasm, neoplastic</title><cell col="2">E11.9</cell>
      <term level="1"><title>elbow</title><cell col="2">E11.6</cell><cell col="3">--</cell></term>
    </mainTerm>
  </letter>
</ICD10CM.index>
"""

TABLE = (
    "RowID,Letter,Level,Term,See,SeeAlso,NonEssModif,Code\n"
    "1,S,0,Sugar sickness,,,(sweet),E11.9\n"
    "2,S,1,with,,,,\n"
    "3,S,2,collapsing ankle,,,,E11.6-\n"
    "4,S,0,Saccharopathy,Sugar sickness,,,\n"
)
